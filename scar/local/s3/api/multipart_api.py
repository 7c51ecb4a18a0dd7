"""Multipart uploads: create, parts, list, complete, abort."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from scar.local.http.messages import Response
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.body import ReceivedBody, parse_expected_body
from scar.local.s3.protocol.checksums import ChecksumAlgorithm
from scar.local.s3.protocol.conditions import parse_write_condition
from scar.local.s3.protocol.errors import S3Error, invalid_argument, malformed_xml
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
    from scar.local.s3.storage.objects import ObjectRow
    from scar.local.s3.storage.store import LocalObjectStore


class MultipartApi:
    """Each method is one operation. ``min_part`` bytes are asked of all parts but the last."""

    def __init__(self, store: LocalObjectStore, min_part: int = MIN_PART) -> None:
        self._store = store
        self._min_part = min_part

    def create(self, request: S3Request) -> Response:
        algorithm = request.headers.get("x-amz-checksum-algorithm", "").lower()
        if algorithm and algorithm not in list(ChecksumAlgorithm):
            raise S3Error(400, "InvalidRequest", "The checksum algorithm is not one that S3 knows.")
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
            buckets.require(transaction.db, request.bucket)
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
            headers=headers if algorithm else None,
        )

    def upload_part(self, request: S3Request) -> Response:
        number = parse_part_number(request)
        expected = parse_expected_body(request.headers)
        with self._store.database.read() as db:
            upload = uploads.require(db, request.query["uploadId"], request.bucket, request.key)
        if upload.algorithm:
            algorithms = expected.algorithms | {ChecksumAlgorithm(upload.algorithm)}
            expected = replace(expected, algorithms=algorithms)
        content = self._store.receiver.receive(request.body, expected, to_file=True)
        with self._store.discarding_on_error(content):
            part = store_part(self._store, request, number, content)
        sums = {f"x-amz-checksum-{name}": value for name, value in part.checksums.items()}
        return Response(status=200, headers={"etag": f'"{part.etag}"', **sums})

    def list_parts(self, request: S3Request) -> Response:
        limit = request.query_number("max-parts", 1000, 1000)
        after = request.query_number("part-number-marker", 0, MAX_PARTS)
        with self._store.database.read() as db:
            upload = uploads.require(db, request.query["uploadId"], request.bucket, request.key)
            found = [part for part in uploads.list_parts(db, upload.id) if part.number > after]
        page = found[:limit]
        owner = xml.text("ID", OWNER)
        return xml.xml_response(
            "ListPartsResult",
            xml.text("Bucket", request.bucket),
            xml.text("Key", request.key),
            xml.text("UploadId", upload.id),
            xml.text("PartNumberMarker", after),
            xml.text("NextPartNumberMarker", page[-1].number) if page else "",
            xml.text("MaxParts", limit),
            xml.flag("IsTruncated", value=len(found) > len(page)),
            xml.text("ChecksumAlgorithm", upload.algorithm.upper()) if upload.algorithm else "",
            *(_part_xml(part) for part in page),
            xml.tag("Initiator", owner),
            xml.tag("Owner", owner),
            xml.text("StorageClass", upload.meta.storage_class),
        )

    def list_uploads(self, request: S3Request) -> Response:
        limit = request.query_number("max-uploads", 1000, 1000)
        prefix = request.query.get("prefix", "")
        key_marker = request.query.get("key-marker", "")
        # Without an upload id the marker's own uploads are over: ids sort before "~".
        id_marker = request.query.get("upload-id-marker", "~" if key_marker else "")
        with self._store.database.read() as db:
            buckets.require(db, request.bucket)
            found = uploads.list_uploads(
                db, request.bucket, prefix, (key_marker, id_marker), limit + 1
            )
        page = found[:limit]
        more = len(found) > len(page)
        last = page[-1] if page and more else None
        encode = "encoding-type" in request.query
        return xml.xml_response(
            "ListMultipartUploadsResult",
            xml.text("Bucket", request.bucket),
            xml.text("KeyMarker", key_marker),
            xml.text("UploadIdMarker", request.query.get("upload-id-marker", "")),
            xml.text("Prefix", prefix),
            xml.text("MaxUploads", limit),
            xml.flag("IsTruncated", value=more),
            xml.text("EncodingType", "url") if encode else "",
            xml.text("NextKeyMarker", _encode_key(last.key, encode=encode)) if last else "",
            xml.text("NextUploadIdMarker", last.id) if last else "",
            *(_upload_xml(upload, encode=encode) for upload in page),
        )

    def complete(self, request: S3Request) -> Response:
        condition = parse_write_condition(request.headers)
        wanted = _parse_completed_parts(request.read_document(verify_checksums=False))
        with self._store.database.read() as db:
            upload = uploads.require(db, request.query["uploadId"], request.bucket, request.key)
            chosen = uploads.select_parts(uploads.list_parts(db, upload.id), wanted, self._min_part)
            old = objects.find(db, request.bucket, request.key)
        new = _assemble_object(request, upload, chosen)

        stored = self._store.objects.put(
            request,
            new,
            S3EventName.COMPLETE,
            condition=condition,
            existed_before=old is not None,
            in_transaction=lambda transaction: self._finish_upload(
                transaction, upload, wanted, chosen
            ),
        )
        return _completion_response(request, stored)

    def _finish_upload(
        self,
        transaction: Transaction,
        upload: MultipartUpload,
        wanted: list[CompletedPart],
        chosen: list[UploadedPart],
    ) -> None:
        """End the upload. Meanwhile a part may have been replaced, or all of it completed."""
        uploads.require(transaction.db, upload.id, upload.bucket, upload.key)
        if uploads.select_parts(uploads.list_parts(transaction.db, upload.id), wanted, 0) != chosen:
            raise S3Error(400, "InvalidPart", "A part was replaced while completing.")
        kept = {part.file for part in chosen}
        unused = [file for file in uploads.delete(transaction.db, upload.id) if file not in kept]
        transaction.after_commit.append(lambda: self._store.body_files.remove(unused))

    def abort(self, request: S3Request) -> Response:
        with self._store.database.write() as transaction:
            upload = uploads.require(
                transaction.db, request.query["uploadId"], request.bucket, request.key
            )
            files = uploads.delete(transaction.db, upload.id)
            transaction.after_commit.append(lambda: self._store.body_files.remove(files))
        return Response(status=204)


def _completion_response(request: S3Request, stored: ObjectRow) -> Response:
    sums = [xml.text(f"Checksum{name.upper()}", v) for name, v in stored.meta.sums.items()]
    if sums:
        sums.append(xml.text("ChecksumType", stored.meta.sums_type))
    host = request.headers.get("host", "")
    return xml.xml_response(
        "CompleteMultipartUploadResult",
        xml.text("Location", f"http://{host}/{request.bucket}/{quote(request.key)}"),
        xml.text("Bucket", request.bucket),
        xml.text("Key", request.key),
        xml.text("ETag", f'"{stored.etag}"'),
        *sums,
    )


def parse_part_number(request: S3Request) -> int:
    """The number of the part that is sent: 1 to 10,000."""
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
    """Make a body that arrived in a file a part of the call's upload."""
    part = UploadedPart(
        number=number,
        file=content.file or "",
        size=content.size,
        etag=content.md5,
        modified=store.clock(),
        checksums=content.checksums,
    )
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
    chosen = request.headers.get("x-amz-checksum-type", default).upper()
    impossible = {"FULL_OBJECT": ("sha1", "sha256"), "COMPOSITE": ("crc64nvme",)}
    if chosen not in impossible or algorithm in impossible[chosen]:
        raise S3Error(
            400,
            "InvalidRequest",
            f"The {chosen} checksum type cannot be used with the {algorithm} checksum algorithm.",
        )
    return chosen


def _parse_completed_parts(document: bytes) -> list[CompletedPart]:
    root = xml.parse(document)
    wanted: list[CompletedPart] = []
    for element in root.iterfind("Part"):
        number = element.findtext("PartNumber", "")
        if not number.isascii() or not number.isdigit():
            raise malformed_xml()
        sums = {
            child.tag.removeprefix("Checksum").lower(): child.text or ""
            for child in element
            if child.tag.startswith("Checksum")
        }
        etag = element.findtext("ETag", "").strip().strip('"')
        wanted.append(CompletedPart(number=int(number), etag=etag, checksums=sums))
    if root.tag != "CompleteMultipartUpload" or not wanted:
        raise malformed_xml()
    return wanted


def _assemble_object(
    request: S3Request, upload: MultipartUpload, parts: list[UploadedPart]
) -> NewObject:
    sums = uploads.object_checksums(upload, parts)
    for name, value in sums.items():
        given = request.headers.get(f"x-amz-checksum-{name}", value)
        if given.partition("-")[0] != value.partition("-")[0]:
            raise S3Error(
                400,
                "BadDigest",
                f"The {name.upper()} you specified did not match the calculated checksum.",
            )
    size = sum(part.size for part in parts)
    announced = request.headers.get("x-amz-mp-object-size", str(size))
    if announced != str(size):
        raise S3Error(400, "InvalidRequest", "The size of the object is not x-amz-mp-object-size.")
    return NewObject(
        size=size,
        etag=uploads.composite_etag(parts),
        meta=replace(upload.meta, sums=sums, sums_type=upload.checksum_type if sums else ""),
        files=tuple(ObjectFile(part.file, part.size) for part in parts),
    )


def _part_xml(part: UploadedPart) -> str:
    return xml.tag(
        "Part",
        xml.text("PartNumber", part.number),
        xml.text("LastModified", xml.format_timestamp(part.modified)),
        xml.text("ETag", f'"{part.etag}"'),
        xml.text("Size", part.size),
        *(xml.text(f"Checksum{name.upper()}", value) for name, value in part.checksums.items()),
    )


def _encode_key(key: str, *, encode: bool) -> str:
    return quote(key, safe="/*-._~") if encode else key


def _upload_xml(upload: MultipartUpload, *, encode: bool) -> str:
    owner = xml.text("ID", OWNER)
    return xml.tag(
        "Upload",
        xml.text("Key", _encode_key(upload.key, encode=encode)),
        xml.text("UploadId", upload.id),
        xml.tag("Initiator", owner),
        xml.tag("Owner", owner),
        xml.text("StorageClass", upload.meta.storage_class),
        xml.text("Initiated", xml.format_timestamp(upload.created)),
    )
