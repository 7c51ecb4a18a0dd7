"""Run a command; write its exit status, wall time, CPU time and peak memory to a descriptor.

``python -I -S launch.py DESCRIPTOR COMMAND…``. It is a program of its own, and a small one, because
Linux counts the memory of the process that started a command as the command's: a peak below that of
an empty Python is not seen. CPU time is user and system time of the command and of all descendants
that were waited for. Imports as little as it can.
"""

import os
import signal
import sys
import time


def main() -> None:
    """Write ``STATUS WALL_S CPU_S PEAK_KB``; STATUS is negative for a signal, 127 for no start."""
    descriptor, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(descriptor, False)
    # Ctrl-C is for the command, which has the default again, and is waited for.
    signal.signal(signal.SIGINT, lambda *_: None)
    begin = time.perf_counter()
    try:
        pid = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    code = os.waitstatus_to_exitcode(status)
    figures = f"{code} {wall!r} {usage.ru_utime + usage.ru_stime!r} {usage.ru_maxrss}"
    os.write(descriptor, figures.encode())


if __name__ == "__main__":
    main()
