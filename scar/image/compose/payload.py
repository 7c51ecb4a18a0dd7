"""A folder of the user's that goes into the function's layer, next to the script."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from scar.image.errors import ImageError
from scar.image.formats.layer import LayerFile, LayerFolder, LayerSymlink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.image.formats.layer import LayerEntry

# Bytes. The layer is built in memory, and it moves whenever a file of it changes.
MAX_PAYLOAD_SIZE = 256 << 20
_WHITEOUT = ".wh."  # how layers say that a file of an earlier layer is gone
_REMEDY = "Data that large, or of that kind, belong into the image or into a bucket."


def read_payload(folder: Path) -> dict[str, LayerEntry]:
    """Read the folder's files, by relative path; the same content gives the same entries.

    Files are 0644, or 0755 if their owner may execute them; folders are 0755. Links that stay
    inside are kept as links. Raise ImageError for links that lead out, for what is no file, and
    if it is larger than ``LARGEST``.
    """
    tree: dict[str, LayerEntry] = {}
    size = 0
    try:
        for path in _walk_folder(folder):
            entry = _read_entry(path, folder)
            size += len(entry.data) if isinstance(entry, LayerFile) else 0
            if size > MAX_PAYLOAD_SIZE:
                raise ImageError(
                    f"extra_payload: {folder} has more than {MAX_PAYLOAD_SIZE >> 20} MiB.",
                    remedy=_REMEDY,
                )
            tree[path.relative_to(folder).as_posix()] = entry
    except OSError as error:
        raise ImageError(
            f"extra_payload: {error.filename} cannot be read: {error.strerror}.",
            remedy="Correct extra_payload, or the file's permissions.",
        ) from error
    return tree


def _walk_folder(folder: Path) -> Iterator[Path]:
    """Yield everything below, links not followed."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk_folder(Path(entry.path))


def _read_entry(path: Path, folder: Path) -> LayerEntry:
    if path.name.startswith(_WHITEOUT):
        raise ImageError(
            f"extra_payload: {path} would delete a file in an image.", remedy="Rename it."
        )
    state = path.lstat()
    if stat.S_ISDIR(state.st_mode):
        return LayerFolder()
    if stat.S_ISREG(state.st_mode):
        if state.st_size > MAX_PAYLOAD_SIZE:
            raise ImageError(f"extra_payload: {path} is too large.", remedy=_REMEDY)
        return LayerFile(path.read_bytes(), 0o755 if state.st_mode & stat.S_IXUSR else 0o644)
    if stat.S_ISLNK(state.st_mode):
        target = str(path.readlink())
        if _is_inside(target, path.relative_to(folder)):
            return LayerSymlink(target)
        raise ImageError(
            f"extra_payload: the link {path} leads out of {folder}, to {target}.",
            remedy="Put the file itself into the folder.",
        )
    raise ImageError(f"extra_payload: {path} is no file, folder or link.", remedy=_REMEDY)


def _is_inside(target: str, link: PurePosixPath | Path) -> bool:
    """Say whether a link's target is inside, whatever other links there are on its way."""
    depth = len(link.parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if part == "/" or depth < 0:
            return False
    return True
