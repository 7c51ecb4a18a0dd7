"""Enforces limits by polling: the memory of process trees and the size of folders.

For engines without control groups. A process can exceed a limit between two polls, so these are
not hard limits; engines that use this module declare that in their guarantees.
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
    """The limit that was exceeded."""

    MEMORY = "memory"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLimits:
    """Limits of a process tree in MiB; without ``folder`` only the memory is limited."""

    memory_mb: int
    folder: Path | None = None
    folder_mb: int = 0


@dataclass(slots=True)
class MonitoredTree:
    """One monitored tree; ``on_exceeded`` is called once, from the monitor's thread."""

    root: int
    limits: TreeLimits
    on_exceeded: Callable[[ExceededLimit], None]
    peak_bytes: int = 0
    exceeded_limit: ExceededLimit | None = field(default=None)

    @property
    def peak_mb(self) -> int:
        """The peak memory in MiB, rounded up."""
        return -(-self.peak_bytes // MIB)

    def update_peak(self) -> None:
        """Measure the tree's memory and update the peak."""
        pids = list(descendants(self.root))
        # The sum of resident sizes counts shared pages once per process: an upper bound. The exact
        # number (proportional set size) costs more, so it is read only if it can raise the peak.
        if (used := resident_bytes(pids)) > self.peak_bytes:
            self.peak_bytes = max(self.peak_bytes, min(used, proportional_bytes(pids)))

    def check_limits(self, *, include_folder: bool) -> None:
        """Call ``on_exceeded`` if the tree exceeds a limit; do nothing after that."""
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
    """One thread that checks every tree each ``interval`` seconds, as long as there are trees."""

    def __init__(self, interval: float = 0.05) -> None:
        self._interval = interval
        self._trees: dict[int, MonitoredTree] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(
        self, root: int, limits: TreeLimits, on_exceeded: Callable[[ExceededLimit], None]
    ) -> MonitoredTree:
        """Monitor the descendants of the process ``root``, but not that process itself."""
        tree = MonitoredTree(root, limits, on_exceeded)
        with self._changed:
            self._trees[root] = tree
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._poll_trees, name="limits monitor", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        return tree

    def remove(self, tree: MonitoredTree) -> None:
        """Stop monitoring a tree; may be called twice."""
        with self._changed:
            # Another tree may have got the same process id in the meantime.
            if self._trees.get(tree.root) is tree:
                del self._trees[tree.root]

    def close(self) -> None:
        """Stop monitoring all trees."""
        with self._changed:
            self._closed = True
            self._trees.clear()
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _poll_trees(self) -> None:
        poll_count = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._trees)
                self._changed.wait_for(lambda: self._closed, timeout=self._interval)
                if self._closed:
                    return
                trees = list(self._trees.values())
            # Without the lock: on_exceeded may call remove().
            poll_count += 1
            for tree in trees:
                tree.check_limits(include_folder=poll_count % _POLLS_PER_FOLDER_CHECK == 0)


def folder_size(folder: Path) -> int:
    """Return the disk space of the files below a folder in bytes; skip files that vanish."""
    total = 0
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        # Allocated blocks: a sparse file takes less than its length.
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total
