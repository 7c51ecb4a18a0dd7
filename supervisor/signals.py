"""How signals are sent to threads and processes of the supervisor."""

# Python hears a signal between two instructions, or in a system call: not if it comes just before
# one. So it is given again until it is heard.
SIGNAL_RESEND_INTERVAL = 1.0
