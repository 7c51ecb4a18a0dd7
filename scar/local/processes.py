"""Processes of this machine, read from /proc (see proc(5))."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_OOM_SCORE = 1000  # proc(5), oom_score_adj
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CHUNK = 1 << 16
_SHORTEST_PAGE = 2048  # bytes: a page of /proc, less its last entry


def descendants(pid: int) -> Iterator[int]:
    """Yield the pids of all descendants of a process; exited ones are left out."""
    remaining = [pid]
    while remaining:
        children = _child_pids(remaining.pop())
        remaining += children
        yield from children


def start_time(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot; None if it has exited.

    Zombies count as exited. A process id may be reused, but a process id and its start time
    together identify one process until the next boot (proc(5), field 22 of stat).
    """
    fields = _stat_fields(pid)
    return int(fields[19]) if fields and fields[0] != b"Z" else None


def is_running(pid: int, started: int) -> bool:
    """Return whether the process with this id and start time (see ``start_time``) still runs."""
    return start_time(pid) == started


def parent_pid(pid: int) -> int:
    """Return the pid of a process's parent, 0 if the process does not exist."""
    fields = _stat_fields(pid)
    return int(fields[1]) if fields else 0


def kill_all(pids: Iterable[int]) -> None:
    """Send SIGKILL to processes; ignore those that have exited or belong to other users."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def resident_bytes(pids: Iterable[int]) -> int:
    """Return the bytes of memory in use (RSS); shared pages count once for each process."""
    total = 0
    for pid in pids:
        try:
            total += int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def out_of_memory_victim(pids: Iterable[int]) -> int:
    """Return the process that the kernel kills first when memory runs out; 0 if none prefers it.

    That is the largest of those with the highest oom_score_adj. Only processes that a program has
    marked so are considered: the others are a container's main process.
    """
    marked = [pid for pid in pids if _oom_score_adj(pid) == _MAX_OOM_SCORE]
    return max(marked, key=lambda pid: resident_bytes([pid]), default=0)


def _oom_score_adj(pid: int) -> int:
    try:
        return int(_read(f"/proc/{pid}/oom_score_adj"))
    except (OSError, ValueError):
        return 0


def proportional_bytes(pids: Iterable[int]) -> int:
    """Return the bytes of memory in use (PSS); a page shared by n processes counts 1/n each."""
    total = 0
    for pid in pids:
        try:
            lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
        except PermissionError:  # smaps needs ptrace access, statm does not
            total += resident_bytes([pid])
            continue
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(b"Pss:")) * 1024
    return total


def _stat_fields(pid: int) -> list[bytes]:
    """Return the fields of ``/proc/<pid>/stat`` from the third on, empty if it cannot be read."""
    # The second field, "(name)", may itself contain spaces and brackets.
    try:
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return []


def _child_pids(pid: int) -> list[int]:
    pids: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - see _read
            pids.extend(map(int, _read(f"/proc/{pid}/task/{task}/children").split()))
    except OSError:
        pass
    return pids


def _read(path: str) -> bytes:
    """Return a file of /proc; ``pathlib`` takes three times as long, 20 times a second."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(descriptor, _CHUNK)
        # The kernel returns a long list a page at a time.
        while len(data) >= _SHORTEST_PAGE and (chunk := os.read(descriptor, _CHUNK)):
            data += chunk
    finally:
        os.close(descriptor)
    return data
