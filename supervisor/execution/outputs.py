"""Find a run's output files and upload each in one conditional write."""

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
# User metadata of outputs: the run, the first run of its chain, the length of the chain, and the
# input object with its sequencer.
RUN_KEY, ROOT_KEY, HOPS_KEY, INPUT_KEY, SEQUENCER_KEY = (
    "scar-run", "scar-root", "scar-hops", "scar-input", "scar-sequencer",
)  # fmt: skip
# The sequencer is what an invocation record said, and nothing confirms it: batch/run_evidence.py.
RECOVERED_KEY = "scar-recovered"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output file and the object that it becomes."""

    path: Path
    target: ObjectRef


def collect_files(
    folder: Path, rules: Sequence[OutputRule], log: LogFunction
) -> tuple[OutputFile, ...]:
    """Return the files to upload; raise OutputError before anything is uploaded.

    Symbolic links to files inside the folder count as files. Links that leave the folder, and
    entries that are not regular files, are skipped and logged.
    """
    chosen: dict[ObjectRef, OutputFile] = {}
    for path in _find_files(folder, folder.resolve(), log):
        name = path.relative_to(folder).as_posix()
        for target in (rule.target(name) for rule in rules if rule.accepts(name)):
            # Before the first upload: a run with one invalid name uploads nothing.
            _check_file(path, name, target)
            chosen.setdefault(target, OutputFile(path, target))
    return tuple(chosen.values())


def _find_files(folder: Path, root: Path, log: LogFunction) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        if path.is_symlink():
            target = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for loops
            if not target.is_relative_to(root):
                log(f"{shown} is not uploaded: it is a link that leaves the output folder.")
            elif not target.is_file():
                log(f"{shown} is not uploaded: it is a link, but not to a file.")
            else:
                yield path
        elif path.is_dir():
            yield from _find_files(path, root, log)
        elif stat.S_ISREG(path.lstat().st_mode):
            yield path
        else:
            log(f"{shown} is not uploaded: it is not a regular file.")


def _check_file(path: Path, name: str, target: ObjectRef) -> None:
    try:
        size = len(target.key.encode())
    except UnicodeEncodeError as error:
        raise OutputError(
            f"The output file {name!a} has a name that is not UTF-8.",
            remedy="Use UTF-8 for the names of output files.",
        ) from error
    if size > MAX_KEY_BYTES:
        raise OutputError(
            f"The key of the output file {name!r} would have {size} bytes; S3 allows"
            f" {MAX_KEY_BYTES}.",
            remedy="Shorten the file's name or the output folder's.",
        )
    if not os.access(path, os.R_OK):
        raise OutputError(
            f"The output file {name!r} is not readable.",
            remedy="Make it readable in the script (chmod).",
        )


def upload_file(
    store: ObjectStore, output: OutputFile, metadata: Mapping[str, str], log: LogFunction
) -> UploadedObject:
    """Create the object at most once for this run; raise StorageError.

    An object that this run uploaded before is kept, and so is one that stems from a newer upload
    of the same input.
    """
    # Each upload is an event that may start the next function. So an object of this run must not be
    # written twice: another attempt of the run recognises it by its metadata. The ETag condition
    # closes the race between the HEAD and the write: if another process writes in between, the
    # write fails and the decision is made again.
    for _ in range(MAX_WRITE_ATTEMPTS):
        existing = store.head(output.target)
        if existing is not None and existing.metadata.get(RUN_KEY) == metadata[RUN_KEY]:
            return _uploaded_object(output, existing)
        # Runs may end in another order than their inputs were written: the sequencer, S3's order of
        # the writes to one key, decides which input is newer.
        if existing is not None and _is_from_newer_upload(existing.metadata, metadata):
            log(f"{output.target} is kept: it comes from a newer upload of the same input.")
            return _uploaded_object(output, existing)
        condition = IfNoneMatch() if existing is None else IfMatch(existing.etag)
        try:
            stored = store.upload(
                output.path, output.target, condition=condition, metadata=metadata
            )
        except PreconditionFailed:
            continue
        return _uploaded_object(output, stored, _replaced_run(existing, metadata))
    raise StorageError(
        f"{output.target} was changed by another process: {MAX_WRITE_ATTEMPTS} conditional writes"
        " failed.",
        remedy="Use different output folders for functions that run at the same time.",
    )


def is_later_sequencer(sequencer: str, than: str) -> bool:
    """Return whether a sequencer is later: hexadecimal, the shorter one padded with zeros.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") > than.upper().ljust(width, "0")


def _is_from_newer_upload(existing: Mapping[str, str], mine: Mapping[str, str]) -> bool:
    # The sequencer of a recovered run is not confirmed: it must not outlast newer uploads.
    if existing.get(RECOVERED_KEY) or not mine.get(SEQUENCER_KEY):
        return False
    if existing.get(INPUT_KEY) != mine.get(INPUT_KEY):
        return False
    return is_later_sequencer(existing.get(SEQUENCER_KEY, ""), mine[SEQUENCER_KEY])


def _replaced_run(existing: StoredObject | None, mine: Mapping[str, str]) -> str:
    """Return the run that wrote the object from another input; empty for direct invocations."""
    before = {} if existing is None else existing.metadata
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
