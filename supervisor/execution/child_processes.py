"""Find and end every process that a script started, wherever it went."""

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
    """Make descendants that lose their parent children of this process, not of process 1."""
    if os.getpid() == 1:
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def list_children() -> set[int]:
    """Return the pids of this process's own children, ended ones included."""
    me = os.getpid()
    return {pid for pid, (parent, _) in _read_process_table().items() if parent == me}


def kill_descendants(spare: set[int], leader: int) -> int:
    """KILL this process's descendants but ``spare``, and the session of ``leader``.

    Returns how many are left after 5 seconds; a process in an uninterruptible wait may be.
    """
    until = time.monotonic() + KILL_TIMEOUT
    while True:
        found = _find_descendants(spare, leader)
        if not found or time.monotonic() > until:
            return len(found)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(POLL_INTERVAL)


def _find_descendants(spare: set[int], leader: int) -> list[int]:
    table = _read_process_table()
    me = os.getpid()
    found = []
    for pid, (parent, session) in table.items():
        if pid == me:
            continue
        if session == leader or _is_descendant(me, pid, parent, table, spare):
            found.append(pid)
    return found


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
    """Parent and session of every process that can be seen."""
    table = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name may hold anything, a closing bracket too: the last one counts.
            fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
            table[int(entry.name)] = (int(fields[1]), int(fields[3]))
    return table
