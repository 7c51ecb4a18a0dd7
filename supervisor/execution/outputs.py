"""Find a run's output files, and upload each in one conditional write."""

from __future__ import annotations

import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.errors import OutputError, PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch
from supervisor.runs.record_format import UploadedObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from supervisor.model import ObjectRef, OutputRule, StoredObject
    from supervisor.ports import ObjectStore

    LogFunction = Callable[[str], None]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
MAX_WRITE_ATTEMPTS = 5
RUN_KEY, ROOT_KEY, HOPS_KEY, INPUT_KEY, SEQUENCER_KEY = (
    "scar-run", "scar-root", "scar-hops", "scar-input", "scar-sequencer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file and where it goes."""

    path: Path
    target: ObjectRef


def collect_files(
    folder: Path, rules: Sequence[OutputRule], log: LogFunction
) -> tuple[OutputFile, ...]:
    """List what is to be uploaded; raise OutputError before anything is.

    Links to files inside the folder count as files; what leaves the folder, and what is no
    file, is skipped and logged.
    """
    chosen: dict[ObjectRef, OutputFile] = {}
    for path in _find_files(folder, folder.resolve(), log):
        name = path.relative_to(folder).as_posix()
        for target in (rule.target(name) for rule in rules if rule.accepts(name)):
            _check_file(path, name, target)
            chosen.setdefault(target, OutputFile(path, target))
    return tuple(chosen.values())


def _find_files(folder: Path, root: Path, log: LogFunction) -> Iterator[Path]:
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
            yield from _find_files(path, root, log)
        elif stat.S_ISREG(path.lstat().st_mode):
            yield path
        else:
            log(f"{shown} is not uploaded: it is no regular file.")


def _check_file(path: Path, name: str, target: ObjectRef) -> None:
    try:
        size = len(target.key.encode())
    except UnicodeEncodeError as error:
        raise OutputError(
            f"The output file {name!a} has a name that is not UTF-8.",
            remedy="Let the script write UTF-8 names.",
        ) from error
    if size > MAX_KEY_BYTES:
        raise OutputError(
            f"The output file {name!r} would get a key of {size} bytes; {MAX_KEY_BYTES} are"
            " allowed.",
            remedy="Shorten the file's name or the output folder's.",
        )
    if not os.access(path, os.R_OK):
        raise OutputError(
            f"The output file {name!r} cannot be read.", remedy="Let the script make it readable."
        )


def upload_file(
    store: ObjectStore, output: OutputFile, metadata: Mapping[str, str], log: LogFunction
) -> UploadedObject:
    """Create the object at most once for this run; raise StorageError.

    What this run has uploaded before stays, and so does what a newer state of the same
    input has made.
    """
    for _ in range(MAX_WRITE_ATTEMPTS):
        there = store.head(output.target)
        if there is not None and there.metadata.get(RUN_KEY) == metadata[RUN_KEY]:
            return _uploaded_object(output, there)
        if there is not None and _is_from_newer_upload(there.metadata, metadata):
            log(f"{output.target} is kept: it comes from a newer upload of the same input.")
            return _uploaded_object(output, there)
        condition = IfNoneMatch() if there is None else IfMatch(there.etag)
        try:
            stored = store.upload(
                output.path, output.target, condition=condition, metadata=metadata
            )
        except PreconditionFailed:
            continue
        return _uploaded_object(output, stored, _replaced_run(there, metadata))
    raise StorageError(
        f"{output.target} changes all the time: {MAX_WRITE_ATTEMPTS} conditional writes were"
        " refused.",
        remedy="Give functions that run at the same time output folders of their own.",
    )


def is_later_sequencer(sequencer: str, than: str) -> bool:
    """Compare as S3 says: hexadecimal, the shorter one filled with zeros on the right.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") > than.upper().ljust(width, "0")


def _is_from_newer_upload(there: Mapping[str, str], mine: Mapping[str, str]) -> bool:
    if not mine.get(SEQUENCER_KEY) or there.get(INPUT_KEY) != mine.get(INPUT_KEY):
        return False
    return is_later_sequencer(there.get(SEQUENCER_KEY, ""), mine[SEQUENCER_KEY])


def _replaced_run(there: StoredObject | None, mine: Mapping[str, str]) -> str:
    """Name the run that had made the object of another file; none for calls without a file."""
    before = {} if there is None else there.metadata
    inputs = before.get(INPUT_KEY), mine.get(INPUT_KEY)
    return before.get(RUN_KEY, "") if all(inputs) and inputs[0] != inputs[1] else ""


def _uploaded_object(
    output: OutputFile, stored: StoredObject, replaced: str = ""
) -> UploadedObject:
    return UploadedObject(
        bucket=output.target.bucket,
        key=output.target.key,
        size=output.path.stat().st_size,
        crc32=_file_crc32(output.path),
        etag=stored.etag,
        replaced=replaced,
    )


def _file_crc32(path: Path) -> str:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return f"{value:08x}"
