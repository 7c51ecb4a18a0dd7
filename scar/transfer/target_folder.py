"""The folders that objects are downloaded into: checked once, and then used while they are open."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A folder that may be written to, but not be read, can be opened so only.
_OPEN_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_KEPT = 16  # open folders, besides those of the downloads that are running


class OutsideTargetError(OSError):
    """A folder on the way leads outside the target through a symbolic link."""


class TargetFolders:
    """The folders that were used last, open: keys are listed in order, folder by folder."""

    def __init__(self) -> None:
        self._incomplete: set[tuple[TargetFolder, str]] = set()
        self._open: dict[tuple[Path, Path], TargetFolder] = {}
        self._lock = threading.Lock()

    def open(self, path: Path, root: Path) -> TargetFolder:
        """Return the folder, which is created if it does not exist; raise what it raises."""
        key = path, root
        with self._lock:  # many downloads begin in the same folder at the same time
            found = self._open.get(key)
            if found is None:
                found = self._open[key] = TargetFolder(path, root, self._incomplete)
                if len(self._open) > _KEPT:
                    del self._open[next(iter(self._open))]
            return found

    def remove_incomplete(self) -> None:
        """Remove the files that are being written: their threads end with the program."""
        for folder, name in list(self._incomplete):
            folder.remove(name)


class TargetFolder:
    """An open folder: its files are written there, whatever becomes of its name meanwhile.

    It is closed when no download refers to it any more.
    """

    def __init__(self, path: Path, root: Path, incomplete: set[tuple[TargetFolder, str]]) -> None:
        """Create the folder, and open it; raise OSError, OutsideTargetError if it is not in root.

        Links are followed only where they lead to a folder below ``root``.
        """
        self.path = path
        self._incomplete = incomplete
        # Before mkdir, which follows links: a folder on the way may be a symbolic link.
        if not _real_path(path).is_relative_to(_real_path(root)):
            raise OutsideTargetError(f"{path} points outside {root} through a symbolic link")
        path.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, _OPEN_FOLDER)

    def __del__(self) -> None:
        if (descriptor := self.__dict__.get("_descriptor")) is not None:
            os.close(descriptor)

    def check_name(self, name: str) -> None:
        """Raise OSError if no file can have the name, before it is downloaded."""
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[int]:
        """Give the descriptor of a new file that gets the name when the block succeeds.

        The rename is atomic, because the file is in the same folder: no reader sees an incomplete
        one. After an error nothing is left.
        """
        temporary = f".scar-{os.urandom(8).hex()}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._incomplete.add((self, temporary))
        descriptor = os.open(temporary, flags, 0o666, dir_fd=self._descriptor)
        try:
            try:
                yield descriptor
            finally:
                os.close(descriptor)
            os.replace(temporary, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            self.remove(temporary)
            raise
        finally:
            self._incomplete.discard((self, temporary))

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)


def _real_path(path: Path) -> Path:
    """Return the path without links; unlike Path.resolve, accept a circle of links."""
    return Path(os.path.realpath(path))
