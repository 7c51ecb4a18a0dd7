"""Operations on one object: put, get, head, delete, tags."""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from scar.local.http.messages import Response
from scar.local.s3.api.bucket_api import acl_document
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.conditions import check_read, write_condition
from scar.local.s3.protocol.errors import S3Error, invalid, malformed_xml
from scar.local.s3.protocol.event_messages import Event
from scar.local.s3.protocol.metadata import Meta, checked_tags, meta_of
from scar.local.s3.protocol.ranges import Range, parse_range
from scar.local.s3.storage import buckets, objects
from scar.local.s3.storage.body_receiver import expectation
from scar.local.s3.storage.objects import FilePart, NewObject, Stored

if TYPE_CHECKING:
    from scar.local.s3.protocol.request import Call
    from scar.local.s3.storage.body_receiver import Content
    from scar.local.s3.storage.store import Store

_OVERRIDES = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)


class ObjectApi:
    """Each method is one operation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, call: Call) -> Response:
        condition = write_condition(call.headers)
        meta = meta_of(call.headers)
        expected = expectation(call.headers)
        if expected.size is None and "transfer-encoding" not in call.headers:
            raise S3Error(
                411, "MissingContentLength", "You must provide the Content-Length HTTP header."
            )
        with self._store.database.read() as db:
            buckets.need(db, call.bucket)
            old = objects.find(db, call.bucket, call.key)
        condition.check(call.key, old.etag if old else None)
        content = self._store.ingest.take(call.body, expected)
        with self._store.keeping(content):
            stored = self._store.objects.put(
                call,
                new_object(content, meta),
                Event.PUT,
                condition=condition,
                seen=old is not None,
            )
        return Response(status=200, headers={**_written(stored), **stored.meta.sum_headers()})

    def get(self, call: Call) -> Response:
        return self._read(call, with_body=True)

    def head(self, call: Call) -> Response:
        return self._read(call, with_body=False)

    def _read(self, call: Call, *, with_body: bool) -> Response:
        check_version(call)
        stored, part, body = self._store.open(
            call, lambda found: _chosen(call, found), with_body=with_body
        )
        headers = {**_described(stored), **_overrides(call)}
        headers["content-length"] = str(part.length if part else stored.size)
        if part and stored.size:
            headers["content-range"] = part.header(stored.size)
        elif call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= stored.meta.sum_headers()
        if "partNumber" in call.query and "-" in stored.etag:
            headers["x-amz-mp-parts-count"] = str(len(stored.files))
        return Response(status=206 if part else 200, headers=headers, body=body)

    def delete(self, call: Call) -> Response:
        check_version(call)
        self._store.objects.delete(call, call.key, write_condition(call.headers))
        return Response(status=204)

    def get_acl(self, call: Call) -> Response:
        with self._store.database.read() as db:
            objects.need(db, call.bucket, call.key)
        return acl_document()

    def get_tagging(self, call: Call) -> Response:
        with self._store.database.read() as db:
            tags = objects.need(db, call.bucket, call.key).meta.tags
        rows = (
            xml.tag("Tag", xml.text("Key", key), xml.text("Value", value))
            for key, value in tags.items()
        )
        return xml.document("Tagging", xml.tag("TagSet", *rows))

    def put_tagging(self, call: Call) -> Response:
        root = xml.parse(call.document())
        if root.tag != "Tagging":
            raise malformed_xml()
        pairs = [(t.findtext("Key", ""), t.findtext("Value", "")) for t in root.iter("Tag")]
        tags = checked_tags(pairs)
        self._store.objects.keep_meta(call, lambda meta: replace(meta, tags=tags))
        return Response(status=200)

    def delete_tagging(self, call: Call) -> Response:
        self._store.objects.keep_meta(call, lambda meta: replace(meta, tags={}))
        return Response(status=204)


def new_object(content: Content, meta: Meta) -> NewObject:
    """An object of one body, with the checksums that were computed for it."""
    return NewObject(
        size=content.size,
        etag=content.md5,
        meta=replace(meta, sums=content.sums, sums_type="FULL_OBJECT" if content.sums else ""),
        files=(FilePart(content.file, content.size),) if content.file else (),
        data=content.data,
    )


def check_version(call: Call) -> None:
    """Refuse every version but ``null``: buckets are not versioned here."""
    if call.query.get("versionId", "null") != "null":
        raise invalid(
            "Invalid version id specified", name="versionId", value=call.query["versionId"]
        )


def _written(stored: Stored) -> dict[str, str]:
    headers = stored.meta.headers
    return {
        "etag": f'"{stored.etag}"',
        "x-amz-server-side-encryption": headers.get("x-amz-server-side-encryption", "AES256"),
    }


def _described(stored: Stored) -> dict[str, str]:
    return {
        **stored.meta.response_headers(),
        "etag": f'"{stored.etag}"',
        "last-modified": formatdate(stored.modified, usegmt=True),
        "accept-ranges": "bytes",
    }


def _overrides(call: Call) -> dict[str, str]:
    found = {n: call.query[f"response-{n}"] for n in _OVERRIDES if f"response-{n}" in call.query}
    for name, value in found.items():
        if re.search(r"[\x00-\x1f\x7f]", value):
            raise invalid("Header value cannot be represented.", name=f"response-{name}")
    return found


def _chosen(call: Call, stored: Stored) -> Range | None:
    check_read(call.headers, stored.etag, stored.modified)
    if "partNumber" not in call.query:
        return parse_range(call.headers.get("range", ""), stored.size)
    if "range" in call.headers:
        raise S3Error(
            400, "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"
        )
    number = call.number("partNumber", 1, 10_000)
    sizes = [part.size for part in stored.files] if "-" in stored.etag else [stored.size]
    if not 1 <= number <= len(sizes):
        raise S3Error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
    return Range(sum(sizes[: number - 1]), sizes[number - 1])
