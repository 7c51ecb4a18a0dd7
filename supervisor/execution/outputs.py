"""Find a run's output files, and upload each in one conditional write."""

from __future__ import annotations

import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.errors import OutputError, PreconditionFailed, StorageError
from supervisor.model import Absent, Matches
from supervisor.runs.record_format import Uploaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from supervisor.model import ObjectRef, OutputRule, StoredObject
    from supervisor.ports import ObjectStore

    Log = Callable[[str], None]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
LONGEST_KEY = 1024
TRIES = 5
RUN, ROOT, HOPS, INPUT, SEQUENCER = (
    "scar-run", "scar-root", "scar-hops", "scar-input", "scar-sequencer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Output:
    """One file and where it goes."""

    path: Path
    target: ObjectRef


def collect(folder: Path, rules: Sequence[OutputRule], log: Log) -> tuple[Output, ...]:
    """List what is to be uploaded; raise OutputError before anything is.

    Links to files inside the folder count as files; what leaves the folder, and what is no
    file, is skipped and logged.
    """
    chosen: dict[ObjectRef, Output] = {}
    for path in _files(folder, folder.resolve(), log):
        name = path.relative_to(folder).as_posix()
        for target in (rule.target(name) for rule in rules if rule.accepts(name)):
            _check(path, name, target)
            chosen.setdefault(target, Output(path, target))
    return tuple(chosen.values())


def _files(folder: Path, root: Path, log: Log) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        if path.is_symlink():
            goal = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for loops
            if not goal.is_relative_to(root):
                log(f"{shown} is not uploaded: it is a link that leaves the output folder.")
            elif not goal.is_file():
                log(f"{shown} is not uploaded: it is a link to something that is no file.")
            else:
                yield path
        elif path.is_dir():
            yield from _files(path, root, log)
        elif stat.S_ISREG(path.lstat().st_mode):
            yield path
        else:
            log(f"{shown} is not uploaded: it is no regular file.")


def _check(path: Path, name: str, target: ObjectRef) -> None:
    try:
        size = len(target.key.encode())
    except UnicodeEncodeError as error:
        raise OutputError(
            f"The output file {name!a} has a name that is not UTF-8.",
            remedy="Let the script write UTF-8 names.",
        ) from error
    if size > LONGEST_KEY:
        raise OutputError(
            f"The output file {name!r} would get a key of {size} bytes; {LONGEST_KEY} are allowed.",
            remedy="Shorten the file's name or the output folder's.",
        )
    if not os.access(path, os.R_OK):
        raise OutputError(
            f"The output file {name!r} cannot be read.", remedy="Let the script make it readable."
        )


def upload(store: ObjectStore, output: Output, metadata: Mapping[str, str], log: Log) -> Uploaded:
    """Create the object at most once for this run; raise StorageError.

    What this run has uploaded before stays, and so does what a newer state of the same
    input has made.
    """
    for _ in range(TRIES):
        there = store.head(output.target)
        if there is not None and there.metadata.get(RUN) == metadata[RUN]:
            return _line(output, there)
        if there is not None and _is_newer(there.metadata, metadata):
            log(f"{output.target} is kept: it comes from a newer upload of the same input.")
            return _line(output, there)
        condition = Absent() if there is None else Matches(there.etag)
        try:
            stored = store.upload(
                output.path, output.target, condition=condition, metadata=metadata
            )
        except PreconditionFailed:
            continue
        return _line(output, stored, _of_another_input(there, metadata))
    raise StorageError(
        f"{output.target} changes all the time: {TRIES} conditional writes were refused.",
        remedy="Give functions that run at the same time output folders of their own.",
    )


def is_later(sequencer: str, than: str) -> bool:
    """Compare as S3 says: hexadecimal, the shorter one filled with zeros on the right.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") > than.upper().ljust(width, "0")


def _is_newer(there: Mapping[str, str], mine: Mapping[str, str]) -> bool:
    if not mine.get(SEQUENCER) or there.get(INPUT) != mine.get(INPUT):
        return False
    return is_later(there.get(SEQUENCER, ""), mine[SEQUENCER])


def _of_another_input(there: StoredObject | None, mine: Mapping[str, str]) -> str:
    """Name the run that had made the object of another file; none for calls without a file."""
    before = {} if there is None else there.metadata
    inputs = before.get(INPUT), mine.get(INPUT)
    return before.get(RUN, "") if all(inputs) and inputs[0] != inputs[1] else ""


def _line(output: Output, stored: StoredObject, replaced: str = "") -> Uploaded:
    return Uploaded(
        bucket=output.target.bucket,
        key=output.target.key,
        size=output.path.stat().st_size,
        crc32=_crc32(output.path),
        etag=stored.etag,
        replaced=replaced,
    )


def _crc32(path: Path) -> str:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return f"{value:08x}"
