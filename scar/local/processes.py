"""Processes of this machine, as /proc tells of them (proc(5))."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> Iterator[int]:
    """Yield the children of a process, their children, and so on; what is gone is left out."""
    waiting = [pid]
    while waiting:
        children = _child_pids(waiting.pop())
        waiting += children
        yield from children


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of the process; None if it is over, reaped or not.

    A process id and its start time together name one process for ever (proc(5), field 22).
    """
    fields = _stat_fields(pid)
    return int(fields[19]) if fields and fields[0] != b"Z" else None


def is_running(pid: int, started: int) -> bool:
    """Say whether that very process is there: a process id alone may have been used again."""
    return start_time(pid) == started


def parent_pid(pid: int) -> int:
    """Return the parent of a process, 0 if it is not there."""
    fields = _stat_fields(pid)
    return int(fields[1]) if fields else 0


def kill_all(pids: Iterable[int]) -> None:
    """KILL processes; those that are gone or not ours are left."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def resident_bytes(pids: Iterable[int]) -> int:
    """Bytes of memory in use, pages shared by processes counted for each of them."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def proportional_bytes(pids: Iterable[int]) -> int:
    """Bytes of memory in use, pages shared by n processes counted as 1/n for each."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines()
        except PermissionError:
            total += resident_bytes([pid])
            continue
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(b"Pss:")) * 1024
    return total


def _stat_fields(pid: int) -> list[bytes]:
    """Return the fields of ``stat`` from the third on: the name in the second holds anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


def _child_pids(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            listed = (task / "children").read_bytes()
            found.extend(int(child) for child in listed.split())
    except OSError:
        pass
    return found
