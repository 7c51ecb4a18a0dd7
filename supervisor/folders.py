"""Remove folder trees that programs left behind, whatever permissions they gave them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder with all in it; nothing happens if it is not there.

    A link in its place is removed itself: what it leads to is not touched. Raises OSError if
    something belongs to another user.
    """
    if folder.is_symlink():
        folder.unlink()
        return
    import shutil  # after the run's work, not at every start

    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except PermissionError:
        _make_accessible(str(folder))
        shutil.rmtree(folder)


def _make_accessible(folder: str) -> None:
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        os.chmod(at, 0o700)  # noqa: PTH101 - called for every folder of a tree
        with os.scandir(at) as entries:
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
