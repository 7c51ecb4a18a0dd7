"""One output file, and its upload in one conditional write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch
from supervisor.runs.record_format import UNKNOWN_RUN, UploadedObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.descriptors import Identity, OpenFile
    from supervisor.model import ObjectRef, StoredObject, WriteCondition
    from supervisor.ports import ObjectStore

    LogFunction = Callable[[str], None]

MAX_WRITE_ATTEMPTS = 5
# Bytes. Of a larger file a needless upload costs more than a request that finds it out before.
LARGE_FILE = 16 * 1024 * 1024
# User metadata of outputs: the run, the first run of its chain, the length of the chain, and the
# input object with its sequencer.
RUN_KEY, ROOT_KEY, HOPS_KEY, INPUT_KEY, SEQUENCER_KEY = (
    "scar-run", "scar-root", "scar-hops", "scar-input", "scar-sequencer",
)  # fmt: skip
# The sequencer is what an invocation record said, and nothing confirms it: batch/run_evidence.py.
RECOVERED_KEY = "scar-recovered"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output file and the object that it becomes.

    ``name`` is its path below the output folder. ``parts`` is the place of the file below the
    run's folder: another one if a link led there. ``identity`` is the file that was checked.
    """

    name: str
    parts: tuple[str, ...]
    identity: Identity
    target: ObjectRef


def upload_file(
    store: ObjectStore,
    source: OpenFile,
    target: ObjectRef,
    metadata: Mapping[str, str],
    log: LogFunction,
) -> UploadedObject:
    """Create the object at most once for this run; raise StorageError.

    An object that this run uploaded before is kept, and so is one that stems from a newer upload
    of the same input.
    """
    # Each upload is an event that may start the next function. So an object of this run must not be
    # written twice: another attempt of the run recognises it by its metadata. Usually no object has
    # the key: the first write, on this condition, is then the only request. If it fails, the object
    # is looked at. The ETag condition closes the race between the HEAD and the next write: if
    # another process writes in between, the write fails and the decision is made again.
    existing = store.head(target) if source.size > LARGE_FILE else None
    for _ in range(MAX_WRITE_ATTEMPTS):
        if existing is not None and existing.metadata.get(RUN_KEY) == metadata[RUN_KEY]:
            return _uploaded_object(target, existing)
        # Runs may end in another order than their inputs were written: the sequencer, S3's order of
        # the writes to one key, decides which input is newer.
        if existing is not None and _is_from_newer_upload(existing.metadata, metadata):
            log(f"{target} is kept: it comes from a newer upload of the same input.")
            return _uploaded_object(target, existing)
        condition: WriteCondition = IfNoneMatch() if existing is None else IfMatch(existing.etag)
        try:
            stored = store.upload(source, target, condition=condition, metadata=metadata)
        except PreconditionFailed:
            source.check()
            existing = store.head(target)
            continue
        return _uploaded_object(target, stored, _replaced_run(existing, metadata))
    if existing is None:
        # HEAD of some WebDAV servers finds no file where a folder has the name.
        raise StorageError(
            f"{target} cannot be created: the store has no such file, but its name is in use.",
            remedy="If a folder has this name: a name cannot be that of a file and a folder; give"
            " the output another name. Otherwise another process has removed the file again.",
        )
    raise StorageError(
        f"{target} was changed by another process: {MAX_WRITE_ATTEMPTS} conditional writes failed.",
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
    """Return the run that wrote the object from another input, or as another direct invocation.

    Empty if there was no object, or one of a run of the same input, whose output is a newer one.
    ``UNKNOWN_RUN`` for objects of other programs, and for those of stores without metadata.
    """
    if existing is None:
        return ""
    before = existing.metadata
    # A direct invocation has no input: each is a run of its own, also beside runs of objects.
    inputs = before.get(INPUT_KEY), mine.get(INPUT_KEY)
    is_same = bool(inputs[0]) and inputs[0] == inputs[1]
    return "" if is_same else before.get(RUN_KEY) or UNKNOWN_RUN


def _uploaded_object(target: ObjectRef, stored: StoredObject, replaced: str = "") -> UploadedObject:
    return UploadedObject(
        bucket=target.bucket,
        key=target.key,
        size=stored.size,
        crc32=stored.crc32,
        etag=stored.etag,
        replaced=replaced,
    )
