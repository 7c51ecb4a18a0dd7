"""Limits kept by looking: memory of process trees and size of folders, by polling.

For engines without control groups. Between two looks a process can take more than it may,
so this is a fence, not a wall; engines that use it say so in their guarantees.
"""

from __future__ import annotations

import enum
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.processes import descendants, proportional, resident

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 1 << 20
_LOOKS_PER_FOLDER_LOOK = 10  # walking a folder costs more than reading a few files of /proc


class Excess(enum.StrEnum):
    """Which limit was broken."""

    MEMORY = "memory"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a tree may use, in MiB; no folder, no limit on one."""

    memory_mb: int
    folder: Path | None = None
    folder_mb: int = 0


@dataclass(slots=True)
class Watched:
    """One tree under watch; ``over`` is called once, from the watching thread."""

    root: int
    limits: Limits
    over: Callable[[Excess], None]
    peak: int = 0
    broken: Excess | None = field(default=None)

    @property
    def peak_mb(self) -> int:
        """The most memory seen, in MiB, rounded up."""
        return -(-self.peak // MIB)

    def measure(self) -> None:
        """Bring the peak up to date."""
        pids = list(descendants(self.root))
        # Resident pages that processes share count once for each: only an upper bound. The
        # exact number is dearer, so it is asked for only when it can change anything.
        if (used := resident(pids)) > self.peak:
            self.peak = max(self.peak, min(used, proportional(pids)))

    def look(self, *, at_folder: bool) -> None:
        """Compare the tree with its limits."""
        if self.broken is not None:
            return
        self.measure()
        if self.peak > self.limits.memory_mb * MIB:
            self._break(Excess.MEMORY)
        elif (
            at_folder
            and self.limits.folder is not None
            and folder_size(self.limits.folder) > self.limits.folder_mb * MIB
        ):
            self._break(Excess.FOLDER)

    def _break(self, excess: Excess) -> None:
        self.broken = excess
        self.over(excess)


class Watch:
    """One thread that looks at every tree, every ``interval`` seconds, while there are any."""

    def __init__(self, interval: float = 0.05) -> None:
        self._interval = interval
        self._watched: dict[int, Watched] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, root: int, limits: Limits, over: Callable[[Excess], None]) -> Watched:
        """Watch what descends from the process ``root``, not the process itself."""
        watched = Watched(root, limits, over)
        with self._changed:
            self._watched[root] = watched
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()
            self._changed.notify()
        return watched

    def remove(self, watched: Watched) -> None:
        """Stop watching; may be called twice."""
        with self._changed:
            if self._watched.get(watched.root) is watched:
                del self._watched[watched.root]

    def close(self) -> None:
        """Stop watching everything."""
        with self._changed:
            self._closed = True
            self._watched.clear()
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        turn = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._watched)
                self._changed.wait_for(lambda: self._closed, timeout=self._interval)
                if self._closed:
                    return
                now = list(self._watched.values())
            turn += 1
            for watched in now:
                watched.look(at_folder=turn % _LOOKS_PER_FOLDER_LOOK == 0)


def folder_size(folder: Path) -> int:
    """Bytes that the files under a folder take on the disk; what vanishes is left out."""
    total = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total
