"""A folder for files that no index explains: kept for days, then removed."""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from typing import TYPE_CHECKING

from scar.local.state.folders import create_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

LOG = logging.getLogger(__name__)
KEPT_DAYS = 7
MAX_BYTES = 10 << 30
"""Older folders are removed early above this size, but the newest one never."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class LostFiles:
    """Moves files to ``<folder>/<date>/`` instead of removing them; ``clock``: epoch seconds."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._max_bytes = max_bytes

    def take(self, paths: Iterable[Path]) -> int:
        """Move files here and log it; return their number."""
        target = self._folder / time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        moved = 0
        for path in paths:
            if not moved:
                create_folder(target)
            path.rename(_unused_name(target, path.name))
            moved += 1
        if moved:
            LOG.warning(
                "%d files that no index mentions were moved to %s, and stay there for %d days",
                moved,
                target,
                KEPT_DAYS,
            )
        return moved

    def remove_old(self) -> None:
        """Remove the folders of earlier dates than KEPT_DAYS ago, or above the size limit.

        The newest folder stays: the clock may have been set forward.
        """
        limit = time.strftime("%Y-%m-%d", time.gmtime(self._clock() - KEPT_DAYS * 86400))
        total = 0
        for number, day in enumerate(sorted(self._days(), reverse=True)):
            total += _folder_bytes(self._folder / day)
            if number and (day < limit or total > self._max_bytes):
                LOG.warning("the lost files of %s are removed: %s", day, self._folder / day)
                shutil.rmtree(self._folder / day)

    def _days(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return [
            entry.name
            for entry in os.scandir(self._folder)
            if _DAY.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]


def _unused_name(folder: Path, name: str) -> Path:
    names = (folder / (f"{name}.{number}" if number else name) for number in range(10**6))
    return next(path for path in names if not os.path.lexists(path))


def _folder_bytes(folder: Path) -> int:
    return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(folder))
