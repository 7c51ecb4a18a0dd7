"""One way to measure and to report, shared by the benchmarks.

``launch`` runs one command and says what the kernel accounted to it; ``commands`` calls it and
raises an error if the command fails. ``pairs`` runs several commands in turn and compares them
round by round. ``lines`` has a line of the results and its target, ``machine`` the facts about this
machine, ``report`` writes ``bench/RESULTS.md`` with the notes of ``bench/notes.md``. ``peers``
installs the tools that scar is compared with, ``processes`` reads the CPU time and memory of
running servers, ``interrupts`` ends all of that on Ctrl-C, and ``context`` has what the measurement
of a row needs.
"""
