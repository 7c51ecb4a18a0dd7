"""Opens files of the state folder without waiting: a pipe or device may be in their place.

``open(2)`` waits without end for the other end of a pipe, and a device such as ``/dev/zero`` can
be read without end.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SMALL_BYTES = 10_000
"""The limit of files such as the secret and the server record, which are much smaller."""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegularFileError(OSError):
    """A folder, link, pipe, socket or device is in the place of a file."""


def open_regular(
    path: Path, flags: int = os.O_RDONLY, *, mode: int = 0o600, follow_links: bool = False
) -> int:
    """Open a regular file and return its descriptor; never wait for another process.

    ``follow_links`` accepts a link to a regular file. Raise NotRegularFileError for everything
    else, and the OSError of open(2), FileNotFoundError for example.
    """
    # First by name: opening a device may do something. Afterwards by descriptor: a race is safe.
    if kind := describe_kind(path):
        raise _not_regular_error(path, kind)
    nofollow = 0 if follow_links else os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | nofollow, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_regular_error(path, "a link") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular_error(path, "another kind of file")
    return descriptor


def read_regular(path: Path, limit: int = SMALL_BYTES) -> bytes:
    """Return a file's content, at most its first ``limit`` bytes; raise OSError."""
    with os.fdopen(open_regular(path, follow_links=True), "rb") as file:
        return file.read(limit)


def describe_kind(path: Path) -> str:
    """Return what is in the place of a regular file: ``a pipe``, ``a link to a device`` …

    Empty for a regular file, a link to one, and if nothing exists.
    """
    try:
        own = os.lstat(path).st_mode
    except OSError:
        return ""
    if not stat.S_ISLNK(own):
        return _KINDS.get(stat.S_IFMT(own), "")
    try:
        target = os.stat(path).st_mode  # noqa: PTH116 - the pair of lstat above
    except OSError:
        return "a link to a file that does not exist"
    kind = _KINDS.get(stat.S_IFMT(target), "")
    return f"a link to {kind}" if kind else ""


def _not_regular_error(path: Path, kind: str) -> NotRegularFileError:
    return NotRegularFileError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))
