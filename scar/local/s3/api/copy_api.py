"""CopyObject and UploadPartCopy: a body that comes from another object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scar.local.s3.api.multipart_api import keep_part, part_number
from scar.local.s3.api.object_api import new_object
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.checksums import Algorithm
from scar.local.s3.protocol.conditions import check_copy, write_condition
from scar.local.s3.protocol.errors import S3Error, invalid
from scar.local.s3.protocol.event_messages import Event
from scar.local.s3.protocol.metadata import Meta, meta_of
from scar.local.s3.protocol.ranges import Range, parse_range
from scar.local.s3.storage import buckets, objects
from scar.local.s3.storage.body_receiver import MAX_SIZE, Expectation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.local.http.files import FileSegments
    from scar.local.http.messages import Response
    from scar.local.s3.protocol.request import Call
    from scar.local.s3.storage.body_receiver import Content
    from scar.local.s3.storage.objects import Stored
    from scar.local.s3.storage.store import Store


class CopyApi:
    """Each method is one operation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def copy_object(self, call: Call) -> Response:
        condition = write_condition(call.headers)
        source = _source(call)
        own = meta_of(call.headers)
        with self._store.database.read() as db:
            buckets.need(db, call.bucket)
            old = objects.find(db, call.bucket, call.key)
        condition.check(call.key, old.etag if old else None)
        replaces = _directive(call, "x-amz-metadata-directive")
        if (source.bucket, source.key) == (call.bucket, call.key) and not _changes(call):
            raise S3Error(
                400,
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself"
                " without changing the object's metadata, storage class, website redirect"
                " location or encryption attributes.",
            )
        stored, content = self._take(call, source, None)
        with self._store.keeping(content):
            meta = own if replaces else _inherited(stored.meta, own)
            tags = own.tags if _directive(call, "x-amz-tagging-directive") else stored.meta.tags
            new = new_object(content, replace(meta, tags=tags))
            put = self._store.objects.put(
                call, new, Event.COPY, condition=condition, seen=old is not None
            )
        return xml.document(
            "CopyObjectResult",
            xml.text("LastModified", xml.timestamp(put.modified)),
            xml.text("ETag", f'"{put.etag}"'),
            *(xml.text(f"Checksum{name.upper()}", value) for name, value in put.meta.sums.items()),
        )

    def upload_part_copy(self, call: Call) -> Response:
        number = part_number(call)
        value = call.headers.get("x-amz-copy-source-range", "")
        _, content = self._take(call, _source(call), value or None, to_file=True)
        with self._store.keeping(content):
            part = keep_part(self._store, call, number, content)
        return xml.document(
            "CopyPartResult",
            xml.text("LastModified", xml.timestamp(part.modified)),
            xml.text("ETag", f'"{part.etag}"'),
        )

    def _take(
        self, call: Call, source: Call, part: str | None, *, to_file: bool = False
    ) -> tuple[Stored, Content]:
        def chosen(stored: Stored) -> Range | None:
            check_copy(call.headers, stored.etag, stored.modified)
            if part is None and stored.size > MAX_SIZE:
                raise S3Error(
                    400,
                    "InvalidRequest",
                    f"The specified copy source is larger than the maximum allowable size for a"
                    f" copy source: {MAX_SIZE}",
                )
            return None if part is None else _strict_range(part, stored.size)

        stored, span, body = self._store.open(source, chosen)
        size = span.length if span else stored.size
        asked = call.headers.get("x-amz-checksum-algorithm", "").lower()
        names = {asked} if asked else set(stored.meta.sums) if part is None else set()
        expected = Expectation(
            size=size, sums={}, algorithms=frozenset(Algorithm(name) for name in names)
        )
        try:
            return stored, self._store.ingest.take(_Reader(body), expected, to_file=to_file)
        finally:
            if not isinstance(body, bytes):
                body.close()


class _Reader:
    """A stored body as a body that arrives."""

    def __init__(self, body: bytes | FileSegments) -> None:
        self._pieces: Iterator[bytes] = iter([body] if isinstance(body, bytes) else body)

    def read(self, _size: int, /) -> bytes:
        """Return the next piece: never more than 256 KiB, whatever is asked for."""
        return next(self._pieces, b"")


def _source(call: Call) -> Call:
    """The call as if it asked for the object to copy."""
    path, _, query = call.headers["x-amz-copy-source"].partition("?")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        raise invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    version = query.partition("versionId=")[2]
    if version not in ("", "null"):
        raise invalid("Invalid version id specified", name="versionId", value=version)
    return replace(call, bucket=bucket, key=key)


def _directive(call: Call, name: str) -> bool:
    value = call.headers.get(name, "COPY")
    if value not in ("COPY", "REPLACE"):
        raise invalid(f"Unknown {name.removeprefix('x-amz-')}.", name=name, value=value)
    return value == "REPLACE"


def _changes(call: Call) -> bool:
    return call.headers.get("x-amz-metadata-directive") == "REPLACE" or any(
        name.startswith(("x-amz-storage-class", "x-amz-server-side", "x-amz-website"))
        for name in call.headers
    )


def _inherited(source: Meta, own: Meta) -> Meta:
    """The source's metadata; storage class and encryption are the request's own."""
    kept = {n: v for n, v in source.headers.items() if not n.startswith("x-amz-")}
    asked = {n: v for n, v in own.headers.items() if n.startswith("x-amz-")}
    return replace(source, headers={**kept, **asked})


def _strict_range(value: str, size: int) -> Range:
    found = parse_range(value, size)
    end = value.rpartition("-")[2]
    if found is None or not end or int(end) >= size:
        raise invalid(
            f"Range specified is not valid for source object of size: {size}",
            name="x-amz-copy-source-range",
            value=value,
        )
    return found
