"""The files below the paths that people name, and the keys they get."""

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
    """A file to upload; ``name`` is its path below the folder that was named."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class TransferTotals:
    """What is about to be moved; size in bytes."""

    files: int
    size: int


def check_files(
    paths: Sequence[Path], target: S3Location, on_skipped: Callable[[str], None]
) -> TransferTotals:
    """Look at every file before the first is sent.

    ``skipped`` hears of links to folders and of devices, which are not sent. Raises UsageError
    for a path that is missing or empty and for a key that S3 does not take, TransferError for
    what cannot be read.
    """
    files = size = 0
    for number, path in enumerate(paths):
        found = 0
        for file in walk_files(path, on_skipped):
            _check_key(file, target)
            _check_readable(file.path)
            _check_unique_key(file, paths[:number])
            found += 1
            size += file.size
        if not found:
            raise UsageError(f"There are no files in {path}.", remedy="Name a folder with files.")
        files += found
    return TransferTotals(files, size)


def walk_files(
    path: Path, on_skipped: Callable[[str], None] = lambda _: None
) -> Iterator[LocalFile]:
    """Yield the file itself, or all files below the folder, in the order of their names."""
    try:
        if path.is_dir():
            yield from _walk_folder(path, "", on_skipped)
        elif path.is_file():
            yield LocalFile(path, path.name, path.stat().st_size)
        elif path.exists():
            raise UsageError(f"{path} is neither file nor folder.", remedy="Name one of them.")
        else:
            raise UsageError(f"There is no file or folder {path}.", remedy="Check -p.")
    except OSError as error:
        raise TransferError(
            f"{error.filename} cannot be read: {error.strerror}.",
            remedy="Check its permissions; nothing of it is left out silently.",
        ) from error


def _walk_folder(
    folder: Path, above: str, on_skipped: Callable[[str], None]
) -> Iterator[LocalFile]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{above}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _walk_folder(Path(entry.path), f"{name}/", on_skipped)
        elif entry.is_dir():
            on_skipped(f"Skipped {entry.path}: a link to a folder")
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
            f"The name of {str(file.path)!r} is not UTF-8 text, so it cannot be a key.",
            remedy="Rename the file. Nothing was uploaded.",
        ) from error
    if size > MAX_KEY_BYTES:
        raise UsageError(
            f"The key of {file.path} has {size} bytes; S3 takes {MAX_KEY_BYTES}.",
            remedy="Rename the file or choose a shorter folder. Nothing was uploaded.",
        )


def _check_readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise TransferError(
            f"{path} cannot be read.", remedy="Check its permissions. Nothing was uploaded."
        )


def _check_unique_key(file: LocalFile, before: Sequence[Path]) -> None:
    for path in before:
        other = path / file.name if path.is_dir() else path
        if other.is_file() and (path.is_dir() or path.name == file.name):
            raise UsageError(
                f"{other} and {file.path} would become the same object.",
                remedy="Upload them to different folders. Nothing was uploaded.",
            )
