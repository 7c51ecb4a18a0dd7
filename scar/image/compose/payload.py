"""Reads the user's folder (``extra_payload``) that is added to the function layer."""

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

# Bytes. The layer is built in memory, and all of it is uploaded whenever one file changes.
MAX_PAYLOAD_SIZE = 256 << 20
_WHITEOUT = ".wh."  # the OCI prefix that deletes a file of an earlier layer
_REMEDY = "Add it to the container image, or store the data in a bucket."


def read_payload(folder: Path) -> dict[str, LayerEntry]:
    """Return the folder's entries by relative path; the same content gives the same entries.

    Files have mode 0644, or 0755 if their owner may execute them; folders have 0755. Symbolic
    links within the folder stay links. Raise ImageError for links that point outside, for special
    files, and if the total is larger than ``MAX_PAYLOAD_SIZE``.
    """
    tree: dict[str, LayerEntry] = {}
    size = 0
    try:
        for path in _walk_folder(folder):
            entry = _read_entry(path, folder)
            size += len(entry.data) if isinstance(entry, LayerFile) else 0
            if size > MAX_PAYLOAD_SIZE:
                raise ImageError(
                    f"extra_payload: {folder} is larger than {MAX_PAYLOAD_SIZE >> 20} MiB.",
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
    """Yield all paths below the folder, without following links."""
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk_folder(Path(entry.path))


def _read_entry(path: Path, folder: Path) -> LayerEntry:
    if path.name.startswith(_WHITEOUT):
        raise ImageError(
            f"extra_payload: {path} has the prefix {_WHITEOUT}, which deletes files of an image.",
            remedy="Rename it.",
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
            f"extra_payload: the symbolic link {path} points outside {folder}, to {target}.",
            remedy="Copy the file itself into the folder.",
        )
    raise ImageError(
        f"extra_payload: {path} is not a file, folder or symbolic link.", remedy=_REMEDY
    )


def _is_inside(target: str, link: PurePosixPath | Path) -> bool:
    """Return whether a link's target is inside the folder, by its text alone.

    The target need not exist, and links on the way to it are not followed.
    """
    # Levels below the folder: the target is outside as soon as more ".." than names precede it.
    depth = len(link.parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if part == "/" or depth < 0:
            return False
    return True
