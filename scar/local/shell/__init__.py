"""A shell beside the script of a run in the local cloud, for ``scar shell``.

``run_process`` finds the script's process in /proc. ``process_context`` opens what surrounds it:
namespaces, root, working folder, user and restrictions. ``entry`` starts a command in that
context, and ``pseudo_terminal`` connects it with the user's terminal.

The programs of an image are not trusted. So the command gets no more than the script has: the same
user, capabilities and filter of system calls, and never the user's own terminal, into which a
program could write commands (ioctl TIOCSTI).
"""
