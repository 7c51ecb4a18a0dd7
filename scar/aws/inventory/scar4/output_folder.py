"""The folder that an import fills: completely, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = ".scar-import-"


def raise_if_used(folder: Path) -> None:
    """Raise UsageError unless the folder is new or empty."""
    try:
        is_used = folder.is_symlink() and not folder.exists()
        is_used = is_used or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
    except OSError as error:
        raise _unusable(folder, error) from error
    if is_used:
        raise UsageError(
            f"{folder} exists already, and is not empty.",
            remedy="Use -p with a new or empty folder.",
        )


@contextmanager
def filled_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; what it has is in ``folder`` afterwards, after an error nothing is.

    Raise UsageError. The folder is on the same file system, so that no file is copied.
    """
    raise_if_used(folder)
    is_new = not folder.exists()
    parent = folder.absolute().parent if is_new else folder
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        content = temporary / "content"
        content.mkdir()
        yield content
        _move(content, folder, is_new=is_new)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(content: Path, folder: Path, *, is_new: bool) -> None:
    """Move the content into its place; an existing folder stays the same one: it may be ``.``."""
    moved: list[Path] = []
    try:
        if is_new:
            content.rename(folder)
            return
        for item in sorted(content.iterdir()):
            target = folder / item.name
            if os.path.lexists(target):
                raise FileExistsError(f"{target} was made meanwhile")
            item.rename(target)
            moved.append(target)
    except OSError as error:
        for target in moved:
            target.rename(content / target.name)
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{folder} cannot be written: {error.strerror or error}.",
        remedy="Use -p with a new or empty folder, and check its file system.",
    )
