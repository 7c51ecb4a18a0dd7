"""Write one object in one step that others see, and know afterwards whether it happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.aws.client import Repeat
from supervisor.aws.errors import AwsError, ErrorAnswer, error_answer, leaves
from supervisor.aws.request import FilePart
from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import Matches
from supervisor.storage.s3_errors import translated
from supervisor.storage.s3_protocol import (
    META,
    WRITE_ID,
    complete_document,
    condition_headers,
    described,
    metadata_headers,
    part_size,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.client import Answer
    from supervisor.aws.request import AwsRequest, Body
    from supervisor.model import Condition, ObjectRef, StoredObject
    from supervisor.storage.s3_api import Query, S3Calls

OCTETS = {"content-type": "application/octet-stream"}
CONFLICT = "ConditionalRequestConflict"
UPLOADS_AFTER_CONFLICT = 3


@dataclass(frozen=True, slots=True)
class Draft:
    """What goes with the bytes; ``write_id`` marks this write among all others."""

    condition: Condition | None
    metadata: Mapping[str, str]
    write_id: str


class _SomebodyElse(PreconditionFailed):
    """The object is not in the state that the condition asks for."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__(
            f"{ref} is not in the expected state: somebody else has written it.",
            remedy="Nothing to do if another run of the same input is at work.",
        )


class _Conflict(_SomebodyElse):
    """Another write of the same key was under way (409); S3 did not decide which came first."""


def put(calls: S3Calls, ref: ObjectRef, body: Body, draft: Draft) -> StoredObject:
    """Store the body in one PutObject."""
    headers = {
        **OCTETS,
        **condition_headers(draft.condition),
        **metadata_headers(draft.metadata, draft.write_id, ref),
    }
    request = calls.with_body(calls.request("PUT", ref, headers=headers), body, ref)
    stored = _commit(calls, request, ref, draft)
    return replace(stored, size=request.body_size, metadata=dict(draft.metadata))


def put_parts(
    calls: S3Calls, ref: ObjectRef, whole: FilePart, draft: Draft, *, smallest: int
) -> StoredObject:
    """Store a large file in parts of at least ``smallest`` bytes, one after the other.

    After a conflict S3 wants the whole upload anew, not only its completion.
    """
    for attempt in range(1, UPLOADS_AFTER_CONFLICT + 1):
        try:
            return _upload(calls, ref, whole, draft, smallest)
        except _Conflict:
            if attempt == UPLOADS_AFTER_CONFLICT:
                raise
    raise AssertionError


def _upload(
    calls: S3Calls, ref: ObjectRef, whole: FilePart, draft: Draft, smallest: int
) -> StoredObject:
    headers = {**OCTETS, **metadata_headers(draft.metadata, draft.write_id, ref)}
    headers["x-amz-checksum-algorithm"] = "CRC32"
    create = calls.request("POST", ref, headers=headers, query=(("uploads", ""),))
    upload: Query = (("uploadId", leaves(calls.send(create, ref).body).get("UploadId", "")),)
    try:
        parts = _send_parts(calls, ref, whole, upload, smallest)
        request = calls.request(
            "POST", ref, headers=condition_headers(draft.condition), query=upload
        )
        request = replace(request, body=complete_document(parts))
        stored = _commit(calls, request, ref, draft)
    except BaseException as error:
        _abort(calls, ref, upload, error)
        raise
    return replace(stored, size=whole.size, metadata=dict(draft.metadata))


def _send_parts(
    calls: S3Calls, ref: ObjectRef, whole: FilePart, upload: Query, smallest: int
) -> list[tuple[str, str]]:
    size = part_size(whole.size, smallest)
    parts = []
    for number, offset in enumerate(range(0, whole.size, size), start=1):
        query = (*upload, ("partNumber", str(number)))
        piece = FilePart(whole.path, offset, min(size, whole.size - offset))
        request = calls.with_body(calls.request("PUT", ref, query=query), piece, ref)
        etag = calls.send(request, ref).headers.get("etag", "")
        parts.append((etag, request.headers["x-amz-checksum-crc32"]))
    return parts


def _abort(calls: S3Calls, ref: ObjectRef, upload: Query, cause: BaseException) -> None:
    """Drop the parts already sent; if that fails too, say so on the cause."""
    try:
        calls.client.send(calls.request("DELETE", ref, query=upload))
    except AwsError as error:
        if not (isinstance(error, ErrorAnswer) and error.code == "NoSuchUpload"):
            failed = translated(error, ref, "s3:AbortMultipartUpload")
            cause.add_note(f"{failed.problem} Its parts cost money until they are removed.")


def _commit(calls: S3Calls, request: AwsRequest, ref: ObjectRef, draft: Draft) -> StoredObject:
    """Send the one request that makes the object appear.

    After a failure that leaves open whether it did, the object is looked at before anything
    is sent again or decided: if it carries our mark, it is ours.
    """
    unsure = False
    for attempt in calls.client.pacing.tries():
        try:
            return _stored(calls.client.send(request, repeat=Repeat.NEVER))
        except AwsError as error:
            unsure = unsure or error.unsure
            if unsure and (ours := _ours(calls, ref, draft)):
                return ours
            conflict = isinstance(error, ErrorAnswer) and error.code == CONFLICT
            last = attempt == calls.client.pacing.attempts
            if _refused(error, draft) or (conflict and last):
                raise _SomebodyElse(ref) from error
            if conflict and request.method == "POST":
                raise _Conflict(ref) from error
            if last or not (error.transient or conflict):
                raise _failed(error, ref, unsure=unsure) from error
    raise AssertionError


def _stored(answer: Answer) -> StoredObject:
    fields = leaves(answer.body) if answer.body else {}
    if "Error" in fields:
        # CompleteMultipartUpload may fail after it has answered 200.
        raise error_answer(500, answer.headers, answer.body)
    etag = answer.headers.get("etag") or fields.get("ETag", "")
    return described({**answer.headers, "etag": etag}, size=0)


def _ours(calls: S3Calls, ref: ObjectRef, draft: Draft) -> StoredObject | None:
    headers = calls.head(ref)
    if headers is None or headers.get(META + WRITE_ID) != draft.write_id:
        return None
    return described(headers)


def _refused(error: AwsError, draft: Draft) -> bool:
    """Whether the condition did not hold; for If-Match an absent object is answered by 404."""
    if not isinstance(error, ErrorAnswer) or draft.condition is None:
        return False
    gone = isinstance(draft.condition, Matches) and error.code == "NoSuchKey"
    return gone or error.status == 412 or error.code == "PreconditionFailed"


def _failed(error: AwsError, ref: ObjectRef, *, unsure: bool) -> StorageError:
    failed = translated(error, ref, "s3:PutObject")
    if not unsure:
        return failed
    return StorageError(
        f"It is not known whether {ref} was written. {failed.problem}",
        remedy="Run it again: an object that is already there is not written twice.",
    )
