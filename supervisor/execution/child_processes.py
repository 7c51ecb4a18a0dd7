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


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process instead of process 1."""
    if os.getpid() == 1:
        return  # orphans become children of process 1 anyway
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def list_children() -> set[int]:
    """Return the pids of this process's children, including ended ones."""
    me = os.getpid()
    return {pid for pid, (parent, _) in _read_process_table().items() if parent == me}


def kill_descendants(spare: set[int], leader: int) -> int:
    """Kill this process's descendants except ``spare``, and the session of ``leader``.

    Return how many are left after 5 seconds: processes in an uninterruptible wait.
    """
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
