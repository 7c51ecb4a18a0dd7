"""Finds and checks the files to upload."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import UsageError
from scar.transfer.errors import TransferError, concerns_all_files, describe_os_error
from scar.transfer.location import MAX_KEY_BYTES
from scar.transfer.result import TransferTotals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scar.meter import Meter
    from scar.transfer.location import S3Location
    from scar.transfer.result import ProblemList

_DANGLING = "it is a symbolic link whose target does not exist"
_REMOVED = "it was removed meanwhile"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to upload; ``name`` is its path relative to the folder on the command line."""

    path: Path
    name: str
    size: int


def _ignore_skipped(message: str) -> None:
    del message


def check_files(
    paths: Sequence[Path],
    target: S3Location,
    problems: ProblemList,
    meter: Meter,
    on_skipped: Callable[[str], None] = _ignore_skipped,
) -> TransferTotals:
    """Check every file before the first upload, and return the totals of those to upload.

    A file that cannot be uploaded is added to ``problems``, and so is a path that does not exist or
    has no files, if others have some. ``on_skipped`` is called with a message for each link to a
    folder, and for files that an earlier path contains too. Raise UsageError if all paths are
    missing or empty, and for two files with one key; TransferError if no file can be read.
    """
    check = _Check(target, problems, meter, on_skipped, compares_keys=len(paths) > 1)
    unusable: list[tuple[Path, UsageError, str]] = []
    for path in paths:
        if not os.path.lexists(path):
            error = UsageError(f"The file or folder {path} does not exist.", remedy="Check -p.")
            unusable.append((path, error, "it does not exist"))
        elif not check.check_path(path):
            error = UsageError(f"There are no files in {path}.", remedy="Check -p.")
            unusable.append((path, error, "there are no files in it"))
    if len(unusable) == len(paths):
        raise unusable[0][1]
    for path, _, reason in unusable:
        problems.add(str(path), reason)
    meter.finish_total()
    return TransferTotals(check.files, check.size)


class _Check:
    """The check of all files of one command, and their totals."""

    def __init__(
        self,
        target: S3Location,
        problems: ProblemList,
        meter: Meter,
        on_skipped: Callable[[str], None],
        *,
        compares_keys: bool,
    ) -> None:
        self.target = target
        self.problems = problems
        self.meter = meter
        self.on_skipped = on_skipped
        self.files = self.size = 0
        # One folder has no name twice, so the keys are compared only if there are several paths.
        self._sources: dict[str, Path] | None = {} if compares_keys else None

    def check_path(self, path: Path) -> bool:
        """Check the files of a path; return False if it has none, nor any problem."""
        found, known = 0, len(self.problems)
        repeated: list[tuple[Path, Path]] = []
        for file in files_to_upload([path], self.target, self.problems, self.on_skipped):
            found += 1
            if not os.access(file.path, os.R_OK):
                self.problems.add(str(file.path), "it cannot be read: Permission denied")
            elif other := self._find_same(file):
                repeated.append((file.path, other))
            else:
                self.meter.expect(file.size)
                self.files, self.size = self.files + 1, self.size + file.size
        if repeated:
            self.on_skipped(_describe_repeated(path, repeated))
        # A problem that an earlier path has too is known already.
        return bool(found) or len(self.problems) > known or str(path) in self.problems

    def _find_same(self, file: LocalFile) -> Path | None:
        """Return the path before under which the same file was found; None if it is new.

        Raise UsageError if another file has the same key.
        """
        if self._sources is None:
            return None
        other = self._sources.setdefault(file.name, file.path)
        if other is file.path:
            return None
        if not _is_same_file(other, file.path):
            raise UsageError(
                f"{other} and {file.path} would get the same object key.",
                remedy="Upload them to different folders. Nothing was uploaded.",
            )
        return other


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one was removed meanwhile
        return False


def _describe_repeated(path: Path, repeated: Sequence[tuple[Path, Path]]) -> str:
    if len(repeated) > 1:
        number = f"{len(repeated):,} files of {path}"
        return f"{number} are also in an earlier path: each is uploaded once."
    file, other = repeated[0]
    if file == other:
        return f"{file} is named twice: it is uploaded once."
    return f"{file} is the same file as {other}: it is uploaded once."


def files_to_upload(
    paths: Sequence[Path],
    target: S3Location,
    problems: ProblemList,
    on_skipped: Callable[[str], None] = _ignore_skipped,
) -> Iterator[LocalFile]:
    """Yield the files below the paths that can be objects; those in ``problems`` are left out.

    Others that cannot are added to ``problems``.
    """
    for path in paths:
        for file in _walk(path, problems, on_skipped):
            if str(file.path) in problems:
                continue
            if reason := _key_problem(f"{target.prefix}{file.name}"):
                problems.add(str(file.path), reason)
            else:
                yield file


def _walk(
    path: Path, problems: ProblemList, on_skipped: Callable[[str], None]
) -> Iterator[LocalFile]:
    """Yield the file itself, or all files below the folder, sorted by name in each folder."""
    try:
        status = path.stat()
    except FileNotFoundError:
        problems.add(str(path), _DANGLING if path.is_symlink() else _REMOVED)
        return
    except OSError as error:
        _add_unreadable(str(path), error, problems)
        return
    if stat.S_ISDIR(status.st_mode):
        yield from _walk_folder(path, problems, on_skipped)
    elif stat.S_ISREG(status.st_mode):
        yield LocalFile(path, path.name, status.st_size)
    else:
        problems.add(str(path), f"it is {describe_file_kind(status.st_mode)}, not a file")


def _walk_folder(
    folder: Path, problems: ProblemList, on_skipped: Callable[[str], None]
) -> Iterator[LocalFile]:
    # A stack instead of recursion: folders may be nested deeper than Python allows calls.
    stack = [("", iter(_scan(str(folder), problems)))]
    while stack:
        prefix, entries = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
            continue
        name = f"{prefix}{entry.name}"
        try:
            if entry.is_dir(follow_symlinks=False):
                stack.append((f"{name}/", iter(_scan(entry.path, problems))))
            elif entry.is_dir():
                on_skipped(f"Skipped {entry.path}: a symbolic link to a folder")
            else:
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    yield LocalFile(Path(entry.path), name, status.st_size)
                else:
                    problems.add(
                        entry.path, f"it is {describe_file_kind(status.st_mode)}, not a file"
                    )
        except FileNotFoundError:
            problems.add(entry.path, _DANGLING if entry.is_symlink() else _REMOVED)
        except OSError as error:
            _add_unreadable(entry.path, error, problems)


def _scan(folder: str, problems: ProblemList) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as scan:
            return sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        _add_unreadable(folder, error, problems)
        return []


def _add_unreadable(path: str, error: OSError, problems: ProblemList) -> None:
    if concerns_all_files(error, writing=False):
        raise TransferError(
            f"{path} cannot be read: {describe_os_error(error)}.",
            remedy="Close other programs or raise their limits (`ulimit -n`), then try again.",
        ) from error
    problems.add(path, f"it cannot be read: {describe_os_error(error)}")


def describe_file_kind(mode: int) -> str:
    """Return what a special file is, by its ``st_mode``: ``a pipe``, ``a device`` …"""
    kinds = {
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")


def _key_problem(key: str) -> str:
    """Return why this cannot be the key of an object; empty if it can."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "its name is not valid UTF-8, so it cannot be an S3 key; rename it"
    if size > MAX_KEY_BYTES:
        return f"its key has {size} bytes; the limit of S3 is {MAX_KEY_BYTES} bytes"
    return ""
