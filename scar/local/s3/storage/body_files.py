"""The folder of body files; a name is never reused, so that an open file never changes."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING, BinaryIO

from scar.local.state.folders import create_folder
from scar.local.state.regular_files import describe_kind, open_regular

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path


class BodyFiles:
    """Creates, opens and removes body files, which only their owner can read.

    With ``durable``, ``make_durable`` writes a file to the disk; otherwise it does nothing.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        create_folder(folder)
        self._folder = folder
        self._durable = durable

    def has_files(self) -> bool:
        """Return whether there is any file."""
        return any(self._folder.iterdir())

    def create(self) -> tuple[str, BinaryIO]:
        """Create a file and return its name and the file, open for writing."""
        name = secrets.token_hex(16)  # not derived from the key, so that no key is unsafe
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        return name, os.fdopen(os.open(self._folder / name, flags, 0o600), "wb", buffering=0)

    def make_durable(self, file: BinaryIO) -> None:
        """Make a written file survive a loss of power, if this store is durable."""
        if self._durable:
            os.fsync(file.fileno())
            # The folder too: without it, the file's name may be lost (fsync(2)).
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def open(self, name: str, size: int) -> BinaryIO:
        """Open a file for reading; raise FileNotFoundError if its object was deleted.

        Also if it does not have this size: another program has cut it. Raise NotRegularFileError
        if it was replaced by a link or a pipe, for example.
        """
        file = os.fdopen(open_regular(self._folder / name), "rb", buffering=0)
        if os.fstat(file.fileno()).st_size != size:
            file.close()
            raise FileNotFoundError(errno.ENOENT, "The file has another size", name)
        return file

    def find_damage(self, name: str, size: int) -> str:
        """Return what is wrong with a file that should have this size; empty if it has it."""
        path = self._folder / name
        try:
            status = path.lstat()
        except FileNotFoundError:
            return f"the file {path} is missing"
        if not stat.S_ISREG(status.st_mode):
            return f"the file {path} is {describe_kind(path) or 'a link'}, not a regular file"
        found = status.st_size
        return f"the file {path} has {found} bytes instead of {size}" if found != size else ""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; ignore those that do not exist."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def paths_except(self, live: Container[str]) -> list[Path]:
        """Return the paths of all files except the live ones."""
        return [self._folder / e.name for e in os.scandir(self._folder) if e.name not in live]
