"""CPU time and memory of running processes, from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """CPU seconds of a process itself, and of its descendants that ended and were waited for."""

    parent: int
    own: float
    ended: float


def read_times(pid: int) -> ProcessTimes:
    """Return the times of a process, running or not yet waited for; raise OSError without it."""
    # The name of the program, in parentheses, may have spaces and parentheses.
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    own, ended = (sum(int(text) for text in fields[at : at + 2]) / TICK for at in (11, 13))
    return ProcessTimes(int(fields[1]), own, ended)


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of its ended children."""
    times = read_times(pid)
    return times.own + times.ended


def descendants(pid: int) -> list[int]:
    """Return a process and all its running descendants."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents.setdefault(read_times(int(entry.name)).parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def command_line(pid: int) -> str:
    """Return the arguments of a process, separated by spaces; empty for one that has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def memory_mb(pid: int, name: str = "Pss") -> float:
    """Return a sum of the process's memory in MB: ``Rss``, or ``Pss`` with its share of pages."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"the kernel does not report {name}")
