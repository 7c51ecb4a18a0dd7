"""The program inside a ``sandbox``: it enters namespaces, gives up its rights, runs the image.

``plan`` describes one sandbox: its folders, its limits and the protections that this machine
offers. The engine starts ``init`` with the plan as a separate program, because a process with
threads cannot enter a user namespace. Its first process stays outside; the second one becomes
process 1 of the sandbox. ``mounts`` builds the file system that process 1 sees, ``volumes`` the
user's mounts in it, ``privileges`` takes away everything that the image's programs must not have,
and ``system_calls`` calls the kernel where Python has no function for it.

``seccomp`` compiles the filter of system calls, in the server and not in each sandbox.
``denied_calls`` has the numbers of the calls that it refuses: those that Docker's default profile
refuses to a container without extra capabilities.

``init``, ``mounts``, ``volumes``, ``privileges`` and ``system_calls`` are part of each cold start:
they import few modules of the standard library, and nothing else.
"""
