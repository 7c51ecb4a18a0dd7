"""Write one object in one atomic, conditional step, and find out whether it took effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import (
    AwsError,
    AwsErrorResponse,
    InvalidResponse,
    parse_error_response,
    parse_xml_fields,
)
from supervisor.aws.request import FileSlice
from supervisor.aws.retry import RetryPolicy
from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfMatch
from supervisor.storage.s3_errors import translate_error
from supervisor.storage.s3_protocol import (
    METADATA_PREFIX,
    WRITE_ID_KEY,
    build_completion_xml,
    condition_headers,
    decode_crc32,
    metadata_headers,
    parse_object_headers,
    part_size,
    whole_crc32,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.client import AwsResponse
    from supervisor.aws.request import AwsRequest, Body
    from supervisor.model import ObjectRef, StoredObject, WriteCondition
    from supervisor.storage.s3_api import QueryParameters, S3ObjectApi

OCTET_STREAM_HEADERS = {"content-type": "application/octet-stream"}
CONFLICT = "ConditionalRequestConflict"
MAX_CONFLICT_UPLOADS = 3
_NOT_S3 = (
    "Check the endpoint (AWS_ENDPOINT_URL, or that of the storage provider): its responses are not"
    " those of S3."
)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Condition and metadata of a write; ``write_id`` identifies it."""

    condition: WriteCondition | None
    metadata: Mapping[str, str]
    write_id: str


class _ConditionNotMet(PreconditionFailed):
    """The condition of the write does not hold."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__(
            f"{ref} is not in the expected state: another process has written it.",
            remedy="Nothing to do if another run of the same input is in progress.",
        )


class _ConditionalRequestConflict(_ConditionNotMet):
    """Another write of the same key was in progress (409); S3 did not evaluate the condition."""


def put_object(api: S3ObjectApi, ref: ObjectRef, body: Body, options: WriteOptions) -> StoredObject:
    """Store the body in one PutObject."""
    headers = {
        **OCTET_STREAM_HEADERS,
        **api.encryption_headers(ref.bucket),
        **_condition_headers(api, options),
        **metadata_headers(options.metadata, options.write_id, ref),
    }
    request, crc32 = api.with_body(api.build_request("PUT", ref, headers=headers), body, ref)
    stored = _commit_write(api, request, ref, options)
    return replace(
        stored,
        size=request.body_size,
        metadata=dict(options.metadata),
        # The store has verified a checksum: this one is that of the bytes that were sent.
        crc32=f"{decode_crc32(crc32):08x}",
    )


def put_multipart(
    api: S3ObjectApi, ref: ObjectRef, whole: FileSlice, options: WriteOptions, *, min_part_size: int
) -> StoredObject:
    """Store a large file in parts of at least ``min_part_size`` bytes, one after the other.

    After a conflict (409) S3 requires a new upload of all parts, not only a new completion.
    """
    for attempt in range(1, MAX_CONFLICT_UPLOADS + 1):
        try:
            return _upload_multipart(api, ref, whole, options, min_part_size)
        except _ConditionalRequestConflict:
            if attempt == MAX_CONFLICT_UPLOADS:
                raise
    raise AssertionError


def _upload_multipart(
    api: S3ObjectApi, ref: ObjectRef, whole: FileSlice, options: WriteOptions, min_part_size: int
) -> StoredObject:
    headers = {**OCTET_STREAM_HEADERS, **metadata_headers(options.metadata, options.write_id, ref)}
    headers |= {"x-amz-checksum-algorithm": "CRC32"} if api.dialect.crc32 else {}
    headers |= api.encryption_headers(ref.bucket)
    create = api.build_request("POST", ref, headers=headers, query=(("uploads", ""),))
    upload_id = parse_xml_fields(api.send(create, ref).body).get("UploadId", "")
    if not upload_id:
        raise StorageError(
            f"Cannot write {ref}: the response to CreateMultipartUpload has no UploadId.",
            remedy=_NOT_S3,
        )
    upload: QueryParameters = (("uploadId", upload_id),)
    try:
        parts = _send_parts(api, ref, whole, upload, min_part_size)
        request = api.build_request(
            "POST", ref, headers=_condition_headers(api, options), query=upload
        )
        body = build_completion_xml(parts, with_crc32=api.dialect.crc32)
        request = replace(request, body=body)
        stored = _commit_write(api, request, ref, options)
    except BaseException as error:  # parts of an unfinished upload are invisible, but cost money
        _abort_upload(api, ref, upload, error)
        raise
    crc = whole_crc32([crc for _, crc in parts], whole.size, part_size(whole.size, min_part_size))
    return replace(stored, size=whole.size, metadata=dict(options.metadata), crc32=f"{crc:08x}")


def _send_parts(
    api: S3ObjectApi, ref: ObjectRef, whole: FileSlice, upload: QueryParameters, min_part_size: int
) -> list[tuple[str, str]]:
    size = part_size(whole.size, min_part_size)
    parts = []
    for number, offset in enumerate(range(0, whole.size, size), start=1):
        query = (*upload, ("partNumber", str(number)))
        piece = FileSlice(whole.file, offset, min(size, whole.size - offset))
        request, crc32 = api.with_body(api.build_request("PUT", ref, query=query), piece, ref)
        etag = api.send(request, ref).headers.get("etag", "")
        if not etag:
            raise StorageError(
                f"Cannot write {ref}: the response to part {number} has no ETag.", remedy=_NOT_S3
            )
        parts.append((etag, crc32))
    return parts


def _abort_upload(
    api: S3ObjectApi, ref: ObjectRef, upload: QueryParameters, cause: BaseException
) -> None:
    """Delete the parts already sent; if that fails too, add a note to the cause."""
    try:
        api.client.send(api.build_request("DELETE", ref, query=upload))
    except AwsError as error:
        if not (isinstance(error, AwsErrorResponse) and error.code == "NoSuchUpload"):
            failed = translate_error(error, ref, "s3:AbortMultipartUpload")
            cause.add_note(f"{failed.problem} Its parts cost money until they are deleted.")


def _commit_write(
    api: S3ObjectApi, request: AwsRequest, ref: ObjectRef, options: WriteOptions
) -> StoredObject:
    """Send the request that makes the object visible: PutObject or CompleteMultipartUpload.

    After a failure with an unknown outcome the object is read before the request is repeated or a
    result is returned: if it has this write's id, the write took effect.
    """
    # A repeated request could otherwise fail with 412 because of this process's own first write,
    # and a run would take its own output, or its own claim, for another's. Once the outcome of
    # one attempt is unknown it remains so: a delayed first request may still take effect.
    outcome_unknown = False
    if api.dialect.head_first:
        _check_condition(api, ref, options.condition)
    for attempt in api.client.backoff.iter_attempts():
        try:
            return _parse_write_response(api.client.send(request, retry=RetryPolicy.NEVER))
        except AwsError as error:
            outcome_unknown = outcome_unknown or error.outcome_unknown
            if outcome_unknown and (own_write := _find_own_write(api, ref, options)):
                return own_write
            # 409: S3 did not evaluate the condition. PutObject may simply be repeated.
            conflict = isinstance(error, AwsErrorResponse) and error.code == CONFLICT
            last = attempt == api.client.backoff.max_attempts
            if _is_condition_failed(error, options) or (conflict and last):
                raise _ConditionNotMet(ref) from error
            if conflict and request.method == "POST":
                raise _ConditionalRequestConflict(ref) from error
            if last or not (error.transient or conflict):
                raise _write_error(error, ref, outcome_unknown=outcome_unknown) from error
    raise AssertionError


def _condition_headers(api: S3ObjectApi, options: WriteOptions) -> dict[str, str]:
    return condition_headers(options.condition) if api.dialect.conditions else {}


def _check_condition(api: S3ObjectApi, ref: ObjectRef, condition: WriteCondition | None) -> None:
    """Raise PreconditionFailed if the object is in another state now."""
    if condition is None:
        return
    headers = api.head(ref)
    etag = None if headers is None else parse_object_headers(headers).etag
    wanted = condition.etag.strip('"') if isinstance(condition, IfMatch) else None
    if etag != wanted:
        raise _ConditionNotMet(ref)


def _parse_write_response(response: AwsResponse) -> StoredObject:
    fields = parse_xml_fields(response.body) if response.body else {}
    if "Error" in fields:
        # CompleteMultipartUpload may fail after S3 has sent status 200.
        raise parse_error_response(500, response.headers, response.body)
    etag = response.headers.get("etag") or fields.get("ETag", "")
    if not etag:  # a proxy's page, for instance: whether the object was written is unknown
        raise InvalidResponse("The response to a write has no ETag.")
    return parse_object_headers({**response.headers, "etag": etag}, size=0)


def _find_own_write(api: S3ObjectApi, ref: ObjectRef, options: WriteOptions) -> StoredObject | None:
    headers = api.head(ref)
    if headers is None or headers.get(METADATA_PREFIX + WRITE_ID_KEY) != options.write_id:
        return None
    return parse_object_headers(headers)


def _is_condition_failed(error: AwsError, options: WriteOptions) -> bool:
    """Return whether the condition did not hold; If-Match on an absent object returns 404."""
    if not isinstance(error, AwsErrorResponse) or options.condition is None:
        return False
    is_absent = isinstance(options.condition, IfMatch) and error.code == "NoSuchKey"
    return is_absent or error.status == 412 or error.code == "PreconditionFailed"


def _write_error(error: AwsError, ref: ObjectRef, *, outcome_unknown: bool) -> StorageError:
    failed = translate_error(error, ref, "s3:PutObject")
    if not outcome_unknown:
        return failed
    return StorageError(
        f"It is not known whether {ref} was written. {failed.problem}",
        remedy="Run it again: an object that exists already is not written twice.",
    )
