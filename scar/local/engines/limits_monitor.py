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

from scar.local.processes import descendants, proportional_bytes, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 1 << 20
_POLLS_PER_FOLDER_CHECK = 10  # walking a folder costs more than reading a few files of /proc


class ExceededLimit(enum.StrEnum):
    """Which limit was broken."""

    MEMORY = "memory"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLimits:
    """What a tree may use, in MiB; no folder, no limit on one."""

    memory_mb: int
    folder: Path | None = None
    folder_mb: int = 0


@dataclass(slots=True)
class MonitoredTree:
    """One tree under watch; ``over`` is called once, from the watching thread."""

    root: int
    limits: TreeLimits
    on_exceeded: Callable[[ExceededLimit], None]
    peak_bytes: int = 0
    exceeded_limit: ExceededLimit | None = field(default=None)

    @property
    def peak_mb(self) -> int:
        """The most memory seen, in MiB, rounded up."""
        return -(-self.peak_bytes // MIB)

    def update_peak(self) -> None:
        """Bring the peak up to date."""
        pids = list(descendants(self.root))
        # Resident pages that processes share count once for each: only an upper bound. The
        # exact number is dearer, so it is asked for only when it can change anything.
        if (used := resident_bytes(pids)) > self.peak_bytes:
            self.peak_bytes = max(self.peak_bytes, min(used, proportional_bytes(pids)))

    def check_limits(self, *, include_folder: bool) -> None:
        """Compare the tree with its limits."""
        if self.exceeded_limit is not None:
            return
        self.update_peak()
        if self.peak_bytes > self.limits.memory_mb * MIB:
            self._report_exceeded(ExceededLimit.MEMORY)
        elif (
            include_folder
            and self.limits.folder is not None
            and folder_size(self.limits.folder) > self.limits.folder_mb * MIB
        ):
            self._report_exceeded(ExceededLimit.FOLDER)

    def _report_exceeded(self, limit: ExceededLimit) -> None:
        self.exceeded_limit = limit
        self.on_exceeded(limit)


class LimitsMonitor:
    """One thread that looks at every tree, every ``interval`` seconds, while there are any."""

    def __init__(self, interval: float = 0.05) -> None:
        self._interval = interval
        self._trees: dict[int, MonitoredTree] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(
        self, root: int, limits: TreeLimits, on_exceeded: Callable[[ExceededLimit], None]
    ) -> MonitoredTree:
        """Watch what descends from the process ``root``, not the process itself."""
        watched = MonitoredTree(root, limits, on_exceeded)
        with self._changed:
            self._trees[root] = watched
            if self._thread is None:
                self._thread = threading.Thread(target=self._poll_trees, name="watch", daemon=True)
                self._thread.start()
            self._changed.notify()
        return watched

    def remove(self, tree: MonitoredTree) -> None:
        """Stop watching; may be called twice."""
        with self._changed:
            if self._trees.get(tree.root) is tree:
                del self._trees[tree.root]

    def close(self) -> None:
        """Stop watching everything."""
        with self._changed:
            self._closed = True
            self._trees.clear()
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _poll_trees(self) -> None:
        turn = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._trees)
                self._changed.wait_for(lambda: self._closed, timeout=self._interval)
                if self._closed:
                    return
                now = list(self._trees.values())
            turn += 1
            for watched in now:
                watched.check_limits(include_folder=turn % _POLLS_PER_FOLDER_CHECK == 0)


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
