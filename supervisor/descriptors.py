"""Files and folders below open descriptors: no name is followed that a script could replace.

A path is resolved anew at each use, so a script can replace any part of it by a link in between.
A descriptor stays with its file or folder. Below one, every name is opened with ``O_NOFOLLOW``.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

# Device and inode: what stays the same when a file is renamed, and differs when it is replaced.
Identity = tuple[int, int]

_PASSAGE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTING = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO that has taken the file's place does not block.
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def identity(status: os.stat_result) -> Identity:
    """Return device and inode."""
    return status.st_dev, status.st_ino


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close the descriptor at the end of the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_trusted_folder(path: Path) -> int:
    """Open a folder by its path, through which other folders are reached; it follows links."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_listing(parent: int, name: str = ".") -> int:
    """Open a folder in ``parent`` to list it; raise OSError for anything else, also for a link."""
    return os.open(name, _LISTING, dir_fd=parent)


def open_folder(root: int, parts: Sequence[str]) -> int:
    """Open the folder ``parts`` below ``root`` for the use of its entries, not to list it.

    Raise OSError if one of the parts is not a folder, also if it is a link.
    """
    current = os.dup(root)
    for part in parts:
        if part in ("", ".", "..") or "/" in part:
            os.close(current)
            raise ValueError(f"{part!r} is not a single name")
        with closing(current):
            current = os.open(part, _PASSAGE, dir_fd=current)
    return current


def open_file(root: int, parts: Sequence[str]) -> int:
    """Open the file ``parts`` below ``root`` for reading; raise OSError, also for a link."""
    with closing(open_folder(root, parts[:-1])) as folder:
        return os.open(parts[-1], _READING, dir_fd=folder)


def read_status(root: int, parts: Sequence[str]) -> os.stat_result:
    """Return the status of the entry ``parts`` below ``root``; of a link, not of its target."""
    if not parts:
        return os.stat(root)
    with closing(open_folder(root, parts[:-1])) as folder:
        return os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)


def read_link(root: int, parts: Sequence[str]) -> str:
    """Return the target of the link ``parts`` below ``root``."""
    with closing(open_folder(root, parts[:-1])) as folder:
        return os.readlink(parts[-1], dir_fd=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A file that is read through its descriptor; threads may read it at the same time.

    ``name`` is for messages, ``size`` in bytes. ``check`` is called before each read: it raises
    to end the upload of the file. The descriptor is closed by who opened it.
    """

    descriptor: int
    name: str
    size: int
    check: Callable[[], None] = lambda: None

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``, b"" at the end of the file."""
        self.check()
        return os.pread(self.descriptor, size, offset)


@contextmanager
def open_path(path: Path) -> Iterator[OpenFile]:
    """Open a file by its path, where no script can have replaced it; raise OSError."""
    with closing(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as descriptor:
        yield OpenFile(descriptor=descriptor, name=str(path), size=os.fstat(descriptor).st_size)
