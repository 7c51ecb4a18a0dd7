"""Multipart uploads: create, parts, list, complete, abort."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from scar.local.http.messages import Response
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.checksums import Algorithm
from scar.local.s3.protocol.conditions import write_condition
from scar.local.s3.protocol.errors import S3Error, invalid, malformed_xml
from scar.local.s3.protocol.event_messages import OWNER, Event
from scar.local.s3.protocol.metadata import meta_of
from scar.local.s3.storage import buckets, objects, uploads
from scar.local.s3.storage.body_receiver import Content, expectation
from scar.local.s3.storage.objects import FilePart, NewObject
from scar.local.s3.storage.uploads import MAX_PARTS, MIN_PART, Part, Upload, WantedPart

if TYPE_CHECKING:
    from scar.local.s3.protocol.request import Call
    from scar.local.s3.storage.database import Transaction
    from scar.local.s3.storage.objects import Stored
    from scar.local.s3.storage.store import Store


class MultipartApi:
    """Each method is one operation. ``min_part`` bytes are asked of all parts but the last."""

    def __init__(self, store: Store, min_part: int = MIN_PART) -> None:
        self._store = store
        self._min_part = min_part

    def create(self, call: Call) -> Response:
        algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower()
        if algorithm and algorithm not in list(Algorithm):
            raise S3Error(400, "InvalidRequest", "The checksum algorithm is not one that S3 knows.")
        upload = Upload(
            id=secrets.token_urlsafe(48),
            bucket=call.bucket,
            key=call.key,
            created=self._store.clock(),
            meta=meta_of(call.headers),
            algorithm=algorithm,
            sums_type=_sums_type(call, algorithm),
        )
        with self._store.database.write() as transaction:
            buckets.need(transaction.db, call.bucket)
            uploads.create(transaction.db, upload)
        headers = {
            "x-amz-checksum-algorithm": algorithm.upper(),
            "x-amz-checksum-type": upload.sums_type,
        }
        return xml.document(
            "InitiateMultipartUploadResult",
            xml.text("Bucket", call.bucket),
            xml.text("Key", call.key),
            xml.text("UploadId", upload.id),
            headers=headers if algorithm else None,
        )

    def upload_part(self, call: Call) -> Response:
        number = part_number(call)
        expected = expectation(call.headers)
        with self._store.database.read() as db:
            upload = uploads.need(db, call.query["uploadId"], call.bucket, call.key)
        if upload.algorithm:
            algorithms = expected.algorithms | {Algorithm(upload.algorithm)}
            expected = replace(expected, algorithms=algorithms)
        content = self._store.ingest.take(call.body, expected, to_file=True)
        with self._store.keeping(content):
            part = keep_part(self._store, call, number, content)
        sums = {f"x-amz-checksum-{name}": value for name, value in part.sums.items()}
        return Response(status=200, headers={"etag": f'"{part.etag}"', **sums})

    def list_parts(self, call: Call) -> Response:
        limit = call.number("max-parts", 1000, 1000)
        after = call.number("part-number-marker", 0, MAX_PARTS)
        with self._store.database.read() as db:
            upload = uploads.need(db, call.query["uploadId"], call.bucket, call.key)
            found = [part for part in uploads.parts(db, upload.id) if part.number > after]
        page = found[:limit]
        owner = xml.text("ID", OWNER)
        return xml.document(
            "ListPartsResult",
            xml.text("Bucket", call.bucket),
            xml.text("Key", call.key),
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

    def list_uploads(self, call: Call) -> Response:
        limit = call.number("max-uploads", 1000, 1000)
        prefix = call.query.get("prefix", "")
        key_marker = call.query.get("key-marker", "")
        # Without an upload id the marker's own uploads are over: ids sort before "~".
        id_marker = call.query.get("upload-id-marker", "~" if key_marker else "")
        with self._store.database.read() as db:
            buckets.need(db, call.bucket)
            found = uploads.of_bucket(db, call.bucket, prefix, (key_marker, id_marker), limit + 1)
        page = found[:limit]
        more = len(found) > len(page)
        last = page[-1] if page and more else None
        encode = "encoding-type" in call.query
        return xml.document(
            "ListMultipartUploadsResult",
            xml.text("Bucket", call.bucket),
            xml.text("KeyMarker", key_marker),
            xml.text("UploadIdMarker", call.query.get("upload-id-marker", "")),
            xml.text("Prefix", prefix),
            xml.text("MaxUploads", limit),
            xml.flag("IsTruncated", value=more),
            xml.text("EncodingType", "url") if encode else "",
            xml.text("NextKeyMarker", _key(last.key, encode=encode)) if last else "",
            xml.text("NextUploadIdMarker", last.id) if last else "",
            *(_upload_xml(upload, encode=encode) for upload in page),
        )

    def complete(self, call: Call) -> Response:
        condition = write_condition(call.headers)
        wanted = _wanted(call.document(sums=False))
        with self._store.database.read() as db:
            upload = uploads.need(db, call.query["uploadId"], call.bucket, call.key)
            chosen = uploads.choose(uploads.parts(db, upload.id), wanted, self._min_part)
            old = objects.find(db, call.bucket, call.key)
        new = _whole(call, upload, chosen)

        stored = self._store.objects.put(
            call,
            new,
            Event.COMPLETE,
            condition=condition,
            seen=old is not None,
            also=lambda transaction: self._end(transaction, upload, wanted, chosen),
        )
        return _completed(call, stored)

    def _end(
        self,
        transaction: Transaction,
        upload: Upload,
        wanted: list[WantedPart],
        chosen: list[Part],
    ) -> None:
        """End the upload. Meanwhile a part may have been replaced, or all of it completed."""
        uploads.need(transaction.db, upload.id, upload.bucket, upload.key)
        if uploads.choose(uploads.parts(transaction.db, upload.id), wanted, 0) != chosen:
            raise S3Error(400, "InvalidPart", "A part was replaced while completing.")
        kept = {part.file for part in chosen}
        unused = [file for file in uploads.drop(transaction.db, upload.id) if file not in kept]
        transaction.after_commit.append(lambda: self._store.blobs.remove(unused))

    def abort(self, call: Call) -> Response:
        with self._store.database.write() as transaction:
            upload = uploads.need(transaction.db, call.query["uploadId"], call.bucket, call.key)
            files = uploads.drop(transaction.db, upload.id)
            transaction.after_commit.append(lambda: self._store.blobs.remove(files))
        return Response(status=204)


def _completed(call: Call, stored: Stored) -> Response:
    sums = [xml.text(f"Checksum{name.upper()}", v) for name, v in stored.meta.sums.items()]
    if sums:
        sums.append(xml.text("ChecksumType", stored.meta.sums_type))
    host = call.headers.get("host", "")
    return xml.document(
        "CompleteMultipartUploadResult",
        xml.text("Location", f"http://{host}/{call.bucket}/{quote(call.key)}"),
        xml.text("Bucket", call.bucket),
        xml.text("Key", call.key),
        xml.text("ETag", f'"{stored.etag}"'),
        *sums,
    )


def part_number(call: Call) -> int:
    """The number of the part that is sent: 1 to 10,000."""
    number = call.number("partNumber", 0, MAX_PARTS + 1)
    if not 1 <= number <= MAX_PARTS:
        raise invalid(
            "Part number must be an integer between 1 and 10000, inclusive",
            name="partNumber",
            value=call.query.get("partNumber", ""),
        )
    return number


def keep_part(store: Store, call: Call, number: int, content: Content) -> Part:
    """Make a body that arrived in a file a part of the call's upload."""
    part = Part(
        number=number,
        file=content.file or "",
        size=content.size,
        etag=content.md5,
        modified=store.clock(),
        sums=content.sums,
    )
    with store.database.write() as transaction:
        upload = uploads.need(transaction.db, call.query["uploadId"], call.bucket, call.key)
        replaced = uploads.put_part(transaction.db, upload.id, part)
        transaction.after_commit.append(lambda: store.blobs.remove(replaced))
    return part


def _sums_type(call: Call, algorithm: str) -> str:
    if not algorithm:
        return ""
    default = "FULL_OBJECT" if algorithm == Algorithm.CRC64NVME else "COMPOSITE"
    chosen = call.headers.get("x-amz-checksum-type", default).upper()
    impossible = {"FULL_OBJECT": ("sha1", "sha256"), "COMPOSITE": ("crc64nvme",)}
    if chosen not in impossible or algorithm in impossible[chosen]:
        raise S3Error(
            400,
            "InvalidRequest",
            f"The {chosen} checksum type cannot be used with the {algorithm} checksum algorithm.",
        )
    return chosen


def _wanted(document: bytes) -> list[WantedPart]:
    root = xml.parse(document)
    wanted: list[WantedPart] = []
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
        wanted.append(WantedPart(number=int(number), etag=etag, sums=sums))
    if root.tag != "CompleteMultipartUpload" or not wanted:
        raise malformed_xml()
    return wanted


def _whole(call: Call, upload: Upload, chosen: list[Part]) -> NewObject:
    sums = uploads.whole_sums(upload, chosen)
    for name, value in sums.items():
        given = call.headers.get(f"x-amz-checksum-{name}", value)
        if given.partition("-")[0] != value.partition("-")[0]:
            raise S3Error(
                400,
                "BadDigest",
                f"The {name.upper()} you specified did not match the calculated checksum.",
            )
    size = sum(part.size for part in chosen)
    announced = call.headers.get("x-amz-mp-object-size", str(size))
    if announced != str(size):
        raise S3Error(400, "InvalidRequest", "The size of the object is not x-amz-mp-object-size.")
    return NewObject(
        size=size,
        etag=uploads.whole_etag(chosen),
        meta=replace(upload.meta, sums=sums, sums_type=upload.sums_type if sums else ""),
        files=tuple(FilePart(part.file, part.size) for part in chosen),
    )


def _part_xml(part: Part) -> str:
    return xml.tag(
        "Part",
        xml.text("PartNumber", part.number),
        xml.text("LastModified", xml.timestamp(part.modified)),
        xml.text("ETag", f'"{part.etag}"'),
        xml.text("Size", part.size),
        *(xml.text(f"Checksum{name.upper()}", value) for name, value in part.sums.items()),
    )


def _key(key: str, *, encode: bool) -> str:
    return quote(key, safe="/*-._~") if encode else key


def _upload_xml(upload: Upload, *, encode: bool) -> str:
    owner = xml.text("ID", OWNER)
    return xml.tag(
        "Upload",
        xml.text("Key", _key(upload.key, encode=encode)),
        xml.text("UploadId", upload.id),
        xml.tag("Initiator", owner),
        xml.tag("Owner", owner),
        xml.text("StorageClass", upload.meta.storage_class),
        xml.text("Initiated", xml.timestamp(upload.created)),
    )
