"""Find and kill every process that a script started, whatever session it is in."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
KILL_TIMEOUT = 5.0
POLL_INTERVAL = 0.005
# This process, when it adopts orphans: that stays so, but a fork of it does not.
_adopters: set[int] = set()


def adopt_orphans() -> bool:
    """Make orphaned descendants children of this process; return whether they become so."""
    me = os.getpid()
    if me == 1 or me in _adopters:
        return True  # they become children of process 1 anyway
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0:
            _adopters.add(me)
    return me in _adopters


def list_children() -> set[int]:
    """Return the pids of this process's children, including ended ones."""
    if _has_no_child():
        return set()
    me = os.getpid()
    return {pid for pid, (parent, _) in _read_process_table().items() if parent == me}


def kill_descendants(spare: set[int], leader: int, *, adopted: bool) -> int:
    """Kill this process's descendants except ``spare``, and the session of ``leader``.

    Return how many are left after 5 seconds: processes in an uninterruptible wait. ``adopted``:
    orphans are children of this process. Then a process without a child has no descendant, which
    one system call tells; reading the table takes longer than the rest of a short run.
    """
    if adopted and _has_no_child():
        return 0
    deadline = time.monotonic() + KILL_TIMEOUT
    # Repeated, because a process may fork between the reading of the table and its KILL.
    while True:
        pids = _find_descendants(spare, leader)
        if not pids or time.monotonic() > deadline:
            return len(pids)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(POLL_INTERVAL)


def _has_no_child() -> bool:
    """Return whether this process has no child, not even one that has ended."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _find_descendants(spare: set[int], leader: int) -> list[int]:
    table = _read_process_table()
    me = os.getpid()
    pids = []
    for pid, (parent, session) in table.items():
        if pid == me:
            continue
        if session == leader or _is_descendant(me, pid, parent, table, spare):
            pids.append(pid)
    return pids


def _is_descendant(
    me: int, pid: int, parent: int, table: dict[int, tuple[int, int]], spare: set[int]
) -> bool:
    for _ in range(len(table)):
        if pid in spare:
            return False
        if parent == me:
            return True
        if parent not in table:
            return False
        pid, parent = parent, table[parent][0]
    return False


def _read_process_table() -> dict[int, tuple[int, int]]:
    """Return parent and session of every visible process."""
    table = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # pid (name) state ppid pgrp session: the name may contain any character, even ")".
            fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
            table[int(entry.name)] = (int(fields[1]), int(fields[3]))
    return table
