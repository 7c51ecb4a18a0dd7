"""Enforces limits by polling: the memory of process trees and the size of folders.

For engines without control groups. A process can exceed a limit between two polls, so these are
not hard limits; engines that use this module declare that in their guarantees.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import logging
import math
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.processes import descendants, proportional_bytes, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOG = logging.getLogger(__name__)
MIB = 1 << 20
_MOST_SKIPPED = 20  # measurements without the exact number
_IDLE_POLLS = 20  # polls of a tree with work between two of an idle one
# A walk of a folder goes on from poll to poll, so that a million files delay no other check.
# 5,000 take about 10 ms.
ENTRIES_PER_POLL = 5_000
_POLLS_BETWEEN_WALKS = 10


class ExceededLimit(enum.StrEnum):
    """The limit that was exceeded."""

    MEMORY = "memory"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLimits:
    """Limits of a process tree in MiB; without ``folder`` only the memory is limited.

    ``is_repeated``: the tree may survive, so its memory is checked again after it was exceeded.
    """

    memory_mb: int
    is_repeated: bool = False
    folder: Path | None = None
    folder_mb: int = 0


@dataclass(slots=True)
class MonitoredTree:
    """One monitored tree; ``on_exceeded`` is called from the monitor's thread.

    Once, unless ``limits.is_repeated``. ``is_idle``: it has nothing to do and is looked at rarely.
    """

    root: int
    limits: TreeLimits
    on_exceeded: Callable[[ExceededLimit], None]
    peak_bytes: int = 0
    is_idle: bool = False
    exceeded_limit: ExceededLimit | None = field(default=None)
    _pids: list[int] = field(default_factory=list)
    _listed: float = -math.inf
    _largest_sum: int = 0
    _skipped: int = 0
    _walk: FolderWalk | None = field(default=None)
    _polls_until_walk: int = field(default=_POLLS_BETWEEN_WALKS)

    @property
    def peak_mb(self) -> int:
        """The peak memory in MiB, rounded up."""
        return -(-self.peak_bytes // MIB)

    def update_peak(self, max_age: float = 0.0) -> None:
        """Measure the tree's memory and update the peak.

        ``max_age``: seconds for which the list of its processes may be used again.
        """
        now = time.monotonic()
        if now - self._listed >= max_age:
            self._pids, self._listed = list(descendants(self.root)), now
        # The sum of resident sizes counts shared pages once per process: an upper bound. The exact
        # number (proportional set size) costs fifteen times as much. It is read if the limit may
        # be exceeded, and for the peak if the sum is larger than ever, and now and then.
        used = resident_bytes(self._pids)
        self._skipped += 1
        if used > self.peak_bytes and (
            used > min(self._largest_sum, self.limits.memory_mb * MIB)
            or self._skipped >= _MOST_SKIPPED
        ):
            self._largest_sum, self._skipped = max(self._largest_sum, used), 0
            self.peak_bytes = max(self.peak_bytes, min(used, proportional_bytes(self._pids)))

    def check_limits(self) -> None:
        """Call ``on_exceeded`` if the tree exceeds a limit; do nothing after that."""
        if self.exceeded_limit is not None:
            if self.limits.is_repeated and self._exceeds_memory():
                self._report_exceeded(ExceededLimit.MEMORY)
            return
        self.update_peak()
        if self.peak_bytes > self.limits.memory_mb * MIB:
            self._report_exceeded(ExceededLimit.MEMORY)
        elif self.limits.folder is not None and self._continue_walk(self.limits.folder):
            self._report_exceeded(ExceededLimit.FOLDER)

    def _exceeds_memory(self) -> bool:
        """Return whether the tree exceeds its memory now, whatever it did before."""
        pids, limit = list(descendants(self.root)), self.limits.memory_mb * MIB
        return resident_bytes(pids) > limit and proportional_bytes(pids) > limit

    def _continue_walk(self, folder: Path) -> bool:
        """Look at some more of the folder; return whether what was found exceeds the limit."""
        if self._walk is None:
            self._polls_until_walk -= 1
            if self._polls_until_walk > 0:
                return False
            self._walk = FolderWalk(folder)
        is_complete = self._walk.advance(ENTRIES_PER_POLL)
        exceeds = self._walk.bytes > self.limits.folder_mb * MIB
        if is_complete:
            self._walk, self._polls_until_walk = None, _POLLS_BETWEEN_WALKS
        return exceeds

    def _report_exceeded(self, limit: ExceededLimit) -> None:
        self.exceeded_limit = limit
        self.on_exceeded(limit)


class LimitsMonitor:
    """One thread that checks every tree each ``interval`` seconds, as long as there are trees.

    Idle trees are checked each 20th time; if all are idle, the thread wakes no more often.
    """

    def __init__(self, interval: float = 0.05) -> None:
        self._interval = interval
        self._trees: dict[int, MonitoredTree] = {}
        self._changed = threading.Condition()
        self._polls = 0
        self._is_slow = False  # all trees are idle
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(
        self, root: int, limits: TreeLimits, on_exceeded: Callable[[ExceededLimit], None]
    ) -> MonitoredTree:
        """Monitor the descendants of the process ``root``, but not that process itself."""
        tree = MonitoredTree(root, limits, on_exceeded)
        self.add_tree(tree)
        return tree

    def add_tree(self, tree: MonitoredTree) -> None:
        with self._changed:
            self._trees[tree.root] = tree
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._poll_trees, name="limits monitor", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def update_peak(self, tree: MonitoredTree) -> None:
        """Measure a tree between two polls, with the processes that the last one has found."""
        tree.update_peak(self._interval)

    def set_idle(self, tree: MonitoredTree, *, is_idle: bool) -> None:
        """Note that a tree has nothing to do, or has again."""
        tree.is_idle = is_idle
        # Notified only then: a notification for each invocation would cost more than the polls.
        if self._is_slow and not is_idle:
            with self._changed:
                self._changed.notify()

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
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._trees)
                self._wait_while_idle()
                self._changed.wait_for(lambda: self._closed, timeout=self._interval)
                if self._closed:
                    return
                trees = self._due_trees()
            # Without the lock: on_exceeded may call remove().
            for tree in trees:
                try:
                    tree.check_limits()
                except Exception:
                    # One tree's trouble, such as a log that cannot be written, must not end the
                    # checks of all others; that tree is checked again.
                    LOG.exception("cannot check the limits of process %d", tree.root)

    def _wait_while_idle(self) -> None:
        """Wait, with the lock, until a tree is not idle, or idle ones are to be checked."""
        # Set before the trees are looked at, and ``set_idle`` does the reverse: one of both sees
        # the other's change.
        self._is_slow = True
        is_idle = not self._changed.wait_for(
            lambda: self._closed or any(not tree.is_idle for tree in self._trees.values()),
            timeout=self._interval * _IDLE_POLLS,
        )
        self._is_slow = False
        if is_idle:
            self._polls = -1  # the next one is for the idle ones

    def _due_trees(self) -> list[MonitoredTree]:
        self._polls = (self._polls + 1) % _IDLE_POLLS
        return [tree for tree in self._trees.values() if not (tree.is_idle and self._polls)]


class FolderWalk:
    """The disk space of a folder in ``bytes``, found in steps; files that vanish are skipped.

    Folders count, too: they bound how many entries there can be, and so the memory of the walk.
    """

    def __init__(self, folder: Path) -> None:
        self.bytes = 0
        self._sizes = _entry_sizes(folder)

    def advance(self, entries: int) -> bool:
        """Look at up to ``entries`` entries; return whether the walk is complete."""
        count = 0
        for count, size in enumerate(itertools.islice(self._sizes, entries), 1):  # noqa: B007
            self.bytes += size
        return count < entries


def _entry_sizes(folder: Path) -> Iterator[int]:
    """Yield the disk space of each entry below a folder, in bytes."""
    pending = [str(folder)]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                try:
                    # Allocated blocks: a sparse file takes less than its length.
                    size = entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                except OSError:  # vanished
                    continue
                yield size
