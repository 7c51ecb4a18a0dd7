"""How signals are sent to threads and processes of the supervisor."""

# Seconds. Python runs a handler between two instructions, or when a system call is interrupted. A
# signal that arrives just before a blocking call is noticed only after the call. So signals are
# sent repeatedly until the handler has run.
SIGNAL_RESEND_INTERVAL = 1.0
