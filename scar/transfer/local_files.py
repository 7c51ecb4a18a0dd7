"""Finds and checks the files to upload."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import UsageError
from scar.transfer.errors import TransferError
from scar.transfer.location import MAX_KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scar.transfer.location import S3Location


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to upload; ``name`` is its path relative to the folder on the command line."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class TransferTotals:
    """The number of files of a transfer, and their total size in bytes."""

    files: int
    size: int


def check_files(
    paths: Sequence[Path], target: S3Location, on_skipped: Callable[[str], None]
) -> TransferTotals:
    """Check every file before the first upload, and return the totals.

    ``on_skipped`` is called with a message for each link to a folder and each special file, which
    are not uploaded. Raise UsageError for a missing path, an empty folder, an invalid or duplicate
    key, and TransferError for a file that cannot be read.
    """
    files = size = 0
    for number, path in enumerate(paths):
        count = 0
        for file in walk_files(path, on_skipped):
            _check_key(file, target)
            _check_readable(file.path)
            _check_unique_key(file, paths[:number])
            count += 1
            size += file.size
        if not count:
            raise UsageError(f"There are no files in {path}.", remedy="Check -p.")
        files += count
    return TransferTotals(files, size)


def walk_files(
    path: Path, on_skipped: Callable[[str], None] = lambda _: None
) -> Iterator[LocalFile]:
    """Yield the file itself, or all files below the folder, sorted by name in each folder.

    Links to folders are not followed. Raise UsageError or TransferError.
    """
    try:
        if path.is_dir():
            yield from _walk_folder(path, "", on_skipped)
        elif path.is_file():
            yield LocalFile(path, path.name, path.stat().st_size)
        elif path.exists():
            raise UsageError(f"{path} is not a file or folder.", remedy="Check -p.")
        else:
            raise UsageError(f"The file or folder {path} does not exist.", remedy="Check -p.")
    except OSError as error:
        raise TransferError(
            f"{error.filename} cannot be read: {error.strerror}.",
            remedy="Check its permissions, or move it out of the folder: all files are uploaded.",
        ) from error


def _walk_folder(
    folder: Path, prefix: str, on_skipped: Callable[[str], None]
) -> Iterator[LocalFile]:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _walk_folder(Path(entry.path), f"{name}/", on_skipped)
        elif entry.is_dir():
            on_skipped(f"Skipped {entry.path}: a symbolic link to a folder")
        # A broken link is an error (in stat) and not skipped: its user expects the file.
        elif entry.is_file() or not Path(entry.path).exists():
            yield LocalFile(Path(entry.path), name, entry.stat().st_size)
        else:
            on_skipped(f"Skipped {entry.path}: not a file")


def _check_key(file: LocalFile, target: S3Location) -> None:
    key = f"{target.prefix}{file.name}"
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The name of {str(file.path)!r} is not valid UTF-8, so it cannot be an S3 key.",
            remedy="Rename the file. Nothing was uploaded.",
        ) from error
    if size > MAX_KEY_BYTES:
        raise UsageError(
            f"The key of {file.path} has {size} bytes; the limit of S3 is {MAX_KEY_BYTES} bytes.",
            remedy="Rename the file or choose a shorter folder. Nothing was uploaded.",
        )


def _check_readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise TransferError(
            f"{path} cannot be read.", remedy="Check its permissions. Nothing was uploaded."
        )


def _check_unique_key(file: LocalFile, earlier_paths: Sequence[Path]) -> None:
    # Looks for the same relative name below each earlier path, because a set of all keys would
    # need memory for each file.
    for path in earlier_paths:
        other = path / file.name if path.is_dir() else path
        if other.is_file() and (path.is_dir() or path.name == file.name):
            raise UsageError(
                f"{other} and {file.path} would get the same object key.",
                remedy="Upload them to different folders. Nothing was uploaded.",
            )
