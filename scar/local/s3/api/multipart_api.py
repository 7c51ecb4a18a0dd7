"""Operations on multipart uploads: create, upload and list parts, complete, abort."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.http.messages import Response
from scar.local.s3.api.bucket_api import require_writable
from scar.local.s3.api.multipart_documents import (
    completion_response,
    encode_key,
    parse_completed_parts,
    part_element,
    upload_element,
)
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.body import ReceivedBody, parse_expected_body
from scar.local.s3.protocol.checksums import ChecksumAlgorithm
from scar.local.s3.protocol.conditions import parse_write_condition
from scar.local.s3.protocol.errors import S3Error, invalid_argument
from scar.local.s3.protocol.event_messages import OWNER, S3EventName
from scar.local.s3.protocol.metadata import parse_metadata
from scar.local.s3.storage import buckets, objects, uploads
from scar.local.s3.storage.objects import NewObject, ObjectFile
from scar.local.s3.storage.uploads import (
    MAX_PARTS,
    MIN_PART,
    CompletedPart,
    MultipartUpload,
    UploadedPart,
)

if TYPE_CHECKING:
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.database import Transaction
    from scar.local.s3.storage.store import LocalObjectStore


class MultipartApi:
    """The operations on multipart uploads: one method each.

    ``min_part`` is the least size of every part but the last, in bytes.
    """

    def __init__(self, store: LocalObjectStore, min_part: int = MIN_PART) -> None:
        self._store = store
        self._min_part = min_part

    def create(self, request: S3Request) -> Response:
        algorithm = request.headers.get("x-amz-checksum-algorithm", "").lower()
        if algorithm and algorithm not in list(ChecksumAlgorithm):
            raise S3Error(
                400, "InvalidRequest", f"The checksum algorithm {algorithm!r} is not supported."
            )
        upload = MultipartUpload(
            id=secrets.token_urlsafe(48),
            bucket=request.bucket,
            key=request.key,
            created=self._store.clock(),
            meta=parse_metadata(request.headers),
            algorithm=algorithm,
            checksum_type=_choose_checksum_type(request, algorithm),
        )
        with self._store.database.write() as transaction:
            require_writable(transaction.db, request)
            uploads.create(transaction.db, upload)
        headers = {
            "x-amz-checksum-algorithm": algorithm.upper(),
            "x-amz-checksum-type": upload.checksum_type,
        }
        return xml.xml_response(
            "InitiateMultipartUploadResult",
            xml.text("Bucket", request.bucket),
            xml.text("Key", request.key),
            xml.text("UploadId", upload.id),
            headers=upload.meta.encryption_headers() | (headers if algorithm else {}),
        )

    def upload_part(self, request: S3Request) -> Response:
        number = parse_part_number(request)
        expected = parse_expected_body(request.headers)
        with self._store.database.read() as db:
            upload = uploads.require(db, request.query["uploadId"], request.bucket, request.key)
        if upload.algorithm:
            # Also without a declared value: the object's checksum needs that of each part.
            algorithms = expected.algorithms | {ChecksumAlgorithm(upload.algorithm)}
            expected = replace(expected, algorithms=algorithms)
        # Always a file: completing the upload then only lists the files of its parts.
        content = self._store.receiver.receive(request.body, expected, to_file=True)
        with self._store.discarding_on_error(content):
            part = store_part(self._store, request, number, content)
        checksums = {f"x-amz-checksum-{name}": value for name, value in part.checksums.items()}
        return Response(status=200, headers={"etag": f'"{part.etag}"', **checksums})

    def list_parts(self, request: S3Request) -> Response:
        limit = request.query_number("max-parts", 1000, 1000)
        after = request.query_number("part-number-marker", 0, MAX_PARTS)
        with self._store.database.read() as db:
            upload = uploads.require(db, request.query["uploadId"], request.bucket, request.key)
            parts = [part for part in uploads.list_parts(db, upload.id) if part.number > after]
        page = parts[:limit]
        owner = xml.text("ID", OWNER)
        return xml.xml_response(
            "ListPartsResult",
            xml.text("Bucket", request.bucket),
            xml.text("Key", request.key),
            xml.text("UploadId", upload.id),
            xml.text("PartNumberMarker", after),
            xml.text("NextPartNumberMarker", page[-1].number) if page else "",
            xml.text("MaxParts", limit),
            xml.flag("IsTruncated", value=len(parts) > len(page)),
            xml.text("ChecksumAlgorithm", upload.algorithm.upper()) if upload.algorithm else "",
            *(part_element(part) for part in page),
            xml.tag("Initiator", owner),
            xml.tag("Owner", owner),
            xml.text("StorageClass", upload.meta.storage_class),
        )

    def list_uploads(self, request: S3Request) -> Response:
        limit = request.query_number("max-uploads", 1000, 1000)
        prefix = request.query.get("prefix", "")
        key_marker = request.query.get("key-marker", "")
        # Without an id marker, all uploads of the marker's key are skipped: ids sort before "~".
        id_marker = request.query.get("upload-id-marker", "~" if key_marker else "")
        with self._store.database.read() as db:
            buckets.require(db, request.bucket)
            listed = uploads.list_uploads(
                db, request.bucket, prefix, (key_marker, id_marker), limit + 1
            )
        page = listed[:limit]
        truncated = len(listed) > len(page)
        last = page[-1] if page and truncated else None
        encode = "encoding-type" in request.query
        return xml.xml_response(
            "ListMultipartUploadsResult",
            xml.text("Bucket", request.bucket),
            xml.text("KeyMarker", key_marker),
            xml.text("UploadIdMarker", request.query.get("upload-id-marker", "")),
            xml.text("Prefix", prefix),
            xml.text("MaxUploads", limit),
            xml.flag("IsTruncated", value=truncated),
            xml.text("EncodingType", "url") if encode else "",
            xml.text("NextKeyMarker", encode_key(last.key, encode=encode)) if last else "",
            xml.text("NextUploadIdMarker", last.id) if last else "",
            *(upload_element(upload, encode=encode) for upload in page),
        )

    def complete(self, request: S3Request) -> Response:
        condition = parse_write_condition(request.headers)
        listed = parse_completed_parts(request.read_document(verify_checksums=False))
        with self._store.database.read() as db:
            upload = uploads.require(db, request.query["uploadId"], request.bucket, request.key)
            parts = uploads.select_parts(uploads.list_parts(db, upload.id), listed, self._min_part)
            old = objects.find(db, request.bucket, request.key)
        # Outside the transaction: combining the CRCs of 10,000 parts takes seconds.
        new = _assemble_object(request, upload, parts)
        stored = self._store.objects.put(
            request,
            new,
            S3EventName.COMPLETE,
            condition=condition,
            existed_before=old is not None,
            in_transaction=lambda transaction, _bucket: self._finish_upload(
                transaction, upload, listed, parts
            ),
        )
        return completion_response(request, stored)

    def _finish_upload(
        self,
        transaction: Transaction,
        upload: MultipartUpload,
        listed: list[CompletedPart],
        parts: list[UploadedPart],
    ) -> None:
        """Delete the upload, and the files of parts that are not in the object.

        Raise S3Error if a part was replaced, or the upload completed or aborted, since the
        parts were read.
        """
        uploads.require(transaction.db, upload.id, upload.bucket, upload.key)
        if uploads.select_parts(uploads.list_parts(transaction.db, upload.id), listed, 0) != parts:
            raise S3Error(400, "InvalidPart", "A part was replaced while the upload was completed.")
        used = {part.file for part in parts}
        unused = [file for file in uploads.delete(transaction.db, upload.id) if file not in used]
        transaction.after_commit.append(lambda: self._store.body_files.remove(unused))

    def abort(self, request: S3Request) -> Response:
        with self._store.database.write() as transaction:
            upload = uploads.require(
                transaction.db, request.query["uploadId"], request.bucket, request.key
            )
            files = uploads.delete(transaction.db, upload.id)
            transaction.after_commit.append(lambda: self._store.body_files.remove(files))
        return Response(status=204)


def parse_part_number(request: S3Request) -> int:
    """Return the request's part number, 1 to 10,000; raise S3Error InvalidArgument."""
    number = request.query_number("partNumber", 0, MAX_PARTS + 1)
    if not 1 <= number <= MAX_PARTS:
        raise invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            name="partNumber",
            value=request.query.get("partNumber", ""),
        )
    return number


def store_part(
    store: LocalObjectStore, request: S3Request, number: int, content: ReceivedBody
) -> UploadedPart:
    """Store a received body, which must be in a file, as a part of the request's upload."""
    part = UploadedPart(
        number=number,
        file=content.file or "",
        size=content.size,
        etag=content.md5,
        modified=store.clock(),
        checksums=content.checksums,
    )
    # The upload may have been completed or aborted while the body was received.
    with store.database.write() as transaction:
        upload = uploads.require(
            transaction.db, request.query["uploadId"], request.bucket, request.key
        )
        replaced = uploads.put_part(transaction.db, upload.id, part)
        transaction.after_commit.append(lambda: store.body_files.remove(replaced))
    return part


def _choose_checksum_type(request: S3Request, algorithm: str) -> str:
    if not algorithm:
        return ""
    default = "FULL_OBJECT" if algorithm == ChecksumAlgorithm.CRC64NVME else "COMPOSITE"
    requested = request.headers.get("x-amz-checksum-type", default).upper()
    unsupported = {"FULL_OBJECT": ("sha1", "sha256"), "COMPOSITE": ("crc64nvme",)}
    if requested not in unsupported or algorithm in unsupported[requested]:
        raise S3Error(
            400,
            "InvalidRequest",
            f"The {requested} checksum type cannot be used with the {algorithm} checksum"
            " algorithm.",
        )
    return requested


def _assemble_object(
    request: S3Request, upload: MultipartUpload, parts: list[UploadedPart]
) -> NewObject:
    checksums = uploads.object_checksums(upload, parts)
    for name, value in checksums.items():
        declared = request.headers.get(f"x-amz-checksum-{name}", value)
        # Clients may omit the number of parts ("-3") of a composite checksum.
        if declared.partition("-")[0] != value.partition("-")[0]:
            raise S3Error(
                400,
                "BadDigest",
                f"The {name.upper()} you specified did not match the calculated checksum.",
            )
    size = sum(part.size for part in parts)
    declared_size = request.headers.get("x-amz-mp-object-size", str(size))
    if declared_size != str(size):
        raise S3Error(
            400, "InvalidRequest", "The size of the object does not match x-amz-mp-object-size."
        )
    checksum_type = upload.checksum_type if checksums else ""
    return NewObject(
        size=size,
        etag=uploads.composite_etag(parts),
        meta=replace(upload.meta, sums=checksums, sums_type=checksum_type),
        files=tuple(ObjectFile(part.file, part.size) for part in parts),
    )
