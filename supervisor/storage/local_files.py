"""The local end of downloads and uploads, the same for all stores."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from supervisor.descriptors import open_path
from supervisor.errors import DiskFull, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from supervisor.descriptors import OpenFile
    from supervisor.model import ObjectRef


@contextmanager
def open_target(target: Path, ref: ObjectRef) -> Iterator[BinaryIO]:
    """Open an empty file for a download; after a failure no file is left.

    Raise DiskFull or StorageError if it cannot be written.
    """
    try:
        with target.open("wb") as file:
            yield file
    except BaseException as error:  # also DeadlineExceeded, which a signal handler raises
        target.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in DiskFull.ERRNOS:
            raise DiskFull(
                f"{ref} does not fit on the disk of {target.parent}.",
                remedy="Increase lambda.ephemeral_storage, or use execution_mode: lambda-batch.",
            ) from error
        if isinstance(error, OSError):
            raise StorageError(
                f"Cannot write {ref} to {target}: {error.strerror or error}.",
                remedy="Check the permissions of the folder.",
            ) from error
        raise


@contextmanager
def open_source(source: Path) -> Iterator[OpenFile]:
    """Open a file for an upload; raise StorageError if it cannot be read."""
    try:
        with open_path(source) as file:
            yield file
    except OSError as error:
        raise StorageError(
            f"Cannot read {source}: {error.strerror}.", remedy="Check that the file exists."
        ) from error
