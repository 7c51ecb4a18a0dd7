"""Keeps the whole output of a script on disk, where the script has no name for it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from supervisor.descriptors import OpenFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Bytes. The disk is the script's too: its output must not fill all of it.
MAX_OUTPUT = 1 << 30


class OutputSpool:
    """A file without a name; ``problem`` says why it does not have the whole output, if so."""

    def __init__(self, descriptor: int, maximum: int = MAX_OUTPUT) -> None:
        self._descriptor = descriptor
        self._maximum = maximum
        self.size = 0
        self.problem = ""

    def add(self, data: bytes) -> None:
        """Append output; a full disk only ends the copy: the script's own writes find out."""
        if self.problem:
            return
        if self.size + len(data) > self._maximum:
            self._give_up(f"it has more than {self._maximum:,} bytes")
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            self._give_up(f"it cannot be kept on disk: {error.strerror}")
            return
        self.size += len(data)

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self.size = 0
        os.ftruncate(self._descriptor, 0)

    def read(self, offset: int = 0) -> bytes:
        """Return the output from ``offset`` on."""
        parts = []
        while data := os.pread(self._descriptor, 1 << 20, offset):
            parts.append(data)
            offset += len(data)
        return b"".join(parts)

    def to_open_file(self) -> OpenFile:
        """Return the file for its upload."""
        return OpenFile(
            descriptor=self._descriptor, name="the output of the script", size=self.size
        )


@contextlib.contextmanager
def open_spool(folder: Path, maximum: int = MAX_OUTPUT) -> Iterator[OutputSpool]:
    """Create the file on the disk of ``folder``; raise OSError."""
    descriptor = _create_file(folder)
    try:
        yield OutputSpool(descriptor, maximum)
    finally:
        os.close(descriptor)


def _create_file(folder: Path) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # not in overlay file systems of older kernels, nor in gVisor
        name = folder / f".output-{os.urandom(8).hex()}"
    descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    name.unlink()
    return descriptor
