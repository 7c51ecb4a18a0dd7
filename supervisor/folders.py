"""Removal of folder trees that programs left behind, whatever their permissions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder and everything in it; do nothing if it does not exist.

    A symbolic link is removed itself, its target stays. Raise OSError if an entry belongs to
    another user.
    """
    if folder.is_symlink():
        folder.unlink()
        return
    import shutil  # needed after a run, not at every cold start

    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except PermissionError:
        # A folder without write or execute permission keeps even its owner from removing entries.
        _make_accessible(str(folder))
        shutil.rmtree(folder)


def _make_accessible(folder: str) -> None:
    pending = [folder]
    while pending:
        current = pending.pop()
        os.chmod(current, 0o700)  # noqa: PTH101 - called for every folder of a tree
        with os.scandir(current) as entries:
            pending += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
