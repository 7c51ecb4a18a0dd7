"""The operations CopyObject and UploadPartCopy, whose body is that of another object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scar.local.s3.api.bucket_api import require_writable
from scar.local.s3.api.multipart_api import parse_part_number, store_part
from scar.local.s3.api.object_api import build_object
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.body import MAX_SIZE, ExpectedBody
from scar.local.s3.protocol.checksums import ChecksumAlgorithm
from scar.local.s3.protocol.conditions import check_copy_conditions, parse_write_condition
from scar.local.s3.protocol.errors import S3Error, invalid_argument
from scar.local.s3.protocol.event_messages import S3EventName
from scar.local.s3.protocol.metadata import ObjectMetadata, parse_metadata
from scar.local.s3.protocol.ranges import ByteRange, parse_range
from scar.local.s3.storage import objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.local.http.files import FileSegments
    from scar.local.http.messages import Response
    from scar.local.s3.protocol.body import ReceivedBody
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.objects import ObjectRow
    from scar.local.s3.storage.store import LocalObjectStore


class CopyApi:
    """The copy operations: one method each."""

    def __init__(self, store: LocalObjectStore) -> None:
        self._store = store

    def copy_object(self, request: S3Request) -> Response:
        condition = parse_write_condition(request.headers)
        source = _source_request(request)
        metadata = parse_metadata(request.headers)
        with self._store.database.read() as db:
            require_writable(db, request)
            old = objects.find(db, request.bucket, request.key)
        condition.check(request.key, old.etag if old else None)
        replaces = _is_replace_directive(request, "x-amz-metadata-directive")
        if (source.bucket, source.key) == (request.bucket, request.key) and not _changes_metadata(
            request
        ):
            raise S3Error(
                400,
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself"
                " without changing the object's metadata, storage class, website redirect"
                " location or encryption attributes.",
            )
        stored, content = self._receive_source(request, source, None)
        with self._store.discarding_on_error(content):
            meta = metadata if replaces else _inherit_metadata(stored.meta, metadata)
            tags = (
                metadata.tags
                if _is_replace_directive(request, "x-amz-tagging-directive")
                else stored.meta.tags
            )
            new = build_object(content, replace(meta, tags=tags))
            put = self._store.objects.put(
                request, new, S3EventName.COPY, condition=condition, existed_before=old is not None
            )
        return xml.xml_response(
            "CopyObjectResult",
            xml.text("LastModified", xml.format_timestamp(put.modified)),
            xml.text("ETag", f'"{put.etag}"'),
            *(xml.text(f"Checksum{name.upper()}", value) for name, value in put.meta.sums.items()),
            headers=put.meta.encryption_headers(),
        )

    def upload_part_copy(self, request: S3Request) -> Response:
        number = parse_part_number(request)
        range_header = request.headers.get("x-amz-copy-source-range", "")
        _, content = self._receive_source(
            request, _source_request(request), range_header or None, to_file=True
        )
        with self._store.discarding_on_error(content):
            part = store_part(self._store, request, number, content)
        return xml.xml_response(
            "CopyPartResult",
            xml.text("LastModified", xml.format_timestamp(part.modified)),
            xml.text("ETag", f'"{part.etag}"'),
        )

    def _receive_source(
        self,
        request: S3Request,
        source: S3Request,
        range_header: str | None,
        *,
        to_file: bool = False,
    ) -> tuple[ObjectRow, ReceivedBody]:
        """Return the source object and a copy of its body, or of a range of it."""

        def select_range(stored: ObjectRow) -> ByteRange | None:
            check_copy_conditions(request.headers, stored.etag, stored.modified)
            if range_header is None and stored.size > MAX_SIZE:
                raise S3Error(
                    400,
                    "InvalidRequest",
                    f"The specified copy source is larger than the maximum allowable size for a"
                    f" copy source: {MAX_SIZE}",
                )
            return None if range_header is None else _parse_source_range(range_header, stored.size)

        stored, byte_range, body = self._store.open(source, select_range)
        size = byte_range.length if byte_range else stored.size
        requested = request.headers.get("x-amz-checksum-algorithm", "").lower()
        # Like S3, compute the checksums that the source has, if the request names none.
        inherited = set(stored.meta.sums) if range_header is None else set()
        names = {requested} if requested else inherited
        expected = ExpectedBody(
            size=size, checksums={}, algorithms=frozenset(ChecksumAlgorithm(name) for name in names)
        )
        try:
            return stored, self._store.receiver.receive(
                _StoredBodyReader(body), expected, to_file=to_file
            )
        finally:
            if not isinstance(body, bytes):
                body.close()


class _StoredBodyReader:
    """Reads a stored body like the body of a request."""

    def __init__(self, body: bytes | FileSegments) -> None:
        self._pieces: Iterator[bytes] = iter([body] if isinstance(body, bytes) else body)

    def read(self, _size: int, /) -> bytes:
        """Return the next piece, at most 256 KiB; ``size`` is ignored."""
        return next(self._pieces, b"")


def _source_request(request: S3Request) -> S3Request:
    """Return the request with bucket and key of the object to copy."""
    path, _, query = request.headers["x-amz-copy-source"].partition("?")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        raise invalid_argument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    version = query.partition("versionId=")[2]
    if version not in ("", "null"):
        raise invalid_argument("Invalid version id specified", name="versionId", value=version)
    return replace(request, bucket=bucket, key=key)


def _is_replace_directive(request: S3Request, name: str) -> bool:
    value = request.headers.get(name, "COPY")
    if value not in ("COPY", "REPLACE"):
        raise invalid_argument(f"Unknown {name.removeprefix('x-amz-')}.", name=name, value=value)
    return value == "REPLACE"


def _changes_metadata(request: S3Request) -> bool:
    return request.headers.get("x-amz-metadata-directive") == "REPLACE" or any(
        name.startswith(("x-amz-storage-class", "x-amz-server-side", "x-amz-website"))
        for name in request.headers
    )


def _inherit_metadata(source: ObjectMetadata, own: ObjectMetadata) -> ObjectMetadata:
    """Return the source's metadata with the request's storage class and encryption."""
    inherited = {n: v for n, v in source.headers.items() if not n.startswith("x-amz-")}
    replaced = {n: v for n, v in own.headers.items() if n.startswith("x-amz-")}
    return replace(source, headers={**inherited, **replaced})


def _parse_source_range(value: str, size: int) -> ByteRange:
    byte_range = parse_range(value, size)
    end = value.rpartition("-")[2]
    # Stricter than a read: first and last byte are required and must exist.
    if byte_range is None or not end or int(end) >= size:
        raise invalid_argument(
            f"Range specified is not valid for source object of size: {size}",
            name="x-amz-copy-source-range",
            value=value,
        )
    return byte_range
