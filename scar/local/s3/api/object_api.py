"""Operations on one object: put, get, head, delete, tags, ACL."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.http.dates import format_http_date
from scar.local.http.messages import Response
from scar.local.s3.api.bucket_api import acl_response, check_policy, require_writable
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.body import parse_expected_body
from scar.local.s3.protocol.conditions import check_read_conditions, parse_write_condition
from scar.local.s3.protocol.errors import S3Error, invalid_argument, malformed_xml
from scar.local.s3.protocol.event_messages import S3EventName
from scar.local.s3.protocol.metadata import ObjectMetadata, parse_metadata, validate_tags
from scar.local.s3.protocol.ranges import ByteRange, parse_range
from scar.local.s3.storage import objects
from scar.local.s3.storage.body_receiver import MAX_INLINE_BYTES
from scar.local.s3.storage.objects import NewObject, ObjectFile, ObjectRow

if TYPE_CHECKING:
    from scar.local.s3.protocol.body import ExpectedBody, ReceivedBody
    from scar.local.s3.protocol.conditions import WriteCondition
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.store import LocalObjectStore

_OVERRIDES = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)


class ObjectApi:
    """The operations on one object: one method each."""

    def __init__(self, store: LocalObjectStore) -> None:
        self._store = store

    def put(self, request: S3Request) -> Response:
        condition = parse_write_condition(request.headers)
        meta = parse_metadata(request.headers)
        expected = parse_expected_body(request.headers)
        if expected.size is None and "transfer-encoding" not in request.headers:
            raise S3Error(
                411, "MissingContentLength", "You must provide the Content-Length HTTP header."
            )
        existed = self._check_before_body(request, condition, expected)
        content = self._store.receiver.receive(request.body, expected)
        with self._store.discarding_on_error(content):
            stored = self._store.objects.put(
                request,
                build_object(content, meta),
                S3EventName.PUT,
                condition=condition,
                existed_before=existed,
                in_transaction=lambda _transaction, bucket: check_policy(bucket, request),
            )
        return Response(
            status=200, headers={**_put_response_headers(stored), **stored.meta.checksum_headers()}
        )

    def _check_before_body(
        self, request: S3Request, condition: WriteCondition, expected: ExpectedBody
    ) -> bool:
        """Raise S3Error for a write that fails whatever its body is; return whether the key exists.

        A client that waits for "100 Continue" does not send its body in vain. A small body has
        come with its head: then all is checked once, when it is stored.
        """
        small = expected.size is not None and expected.size <= MAX_INLINE_BYTES
        if small and condition.etag is None and "expect" not in request.headers:
            return False
        with self._store.database.read() as db:
            require_writable(db, request)
            old = objects.find(db, request.bucket, request.key)
        condition.check(request.key, old.etag if old else None)
        return old is not None

    def get(self, request: S3Request) -> Response:
        return self._read_object(request, with_body=True)

    def head(self, request: S3Request) -> Response:
        return self._read_object(request, with_body=False)

    def _read_object(self, request: S3Request, *, with_body: bool) -> Response:
        reject_version_id(request)
        stored, byte_range, body = self._store.open(
            request, lambda row: _select_range(request, row), with_body=with_body
        )
        headers = {**_object_headers(stored), **_response_overrides(request)}
        headers["content-length"] = str(byte_range.length if byte_range else stored.size)
        if byte_range and stored.size:
            headers["content-range"] = byte_range.content_range(stored.size)
        elif request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= stored.meta.checksum_headers()
        if "partNumber" in request.query and "-" in stored.etag:
            headers["x-amz-mp-parts-count"] = str(len(stored.files))
        return Response(status=206 if byte_range else 200, headers=headers, body=body)

    def delete(self, request: S3Request) -> Response:
        reject_version_id(request)
        self._store.objects.delete(request, request.key, parse_write_condition(request.headers))
        return Response(status=204)

    def get_acl(self, request: S3Request) -> Response:
        with self._store.database.read() as db:
            objects.require(db, request.bucket, request.key)
        return acl_response()

    def get_tagging(self, request: S3Request) -> Response:
        with self._store.database.read() as db:
            tags = objects.require(db, request.bucket, request.key).meta.tags
        rows = (
            xml.tag("Tag", xml.text("Key", key), xml.text("Value", value))
            for key, value in tags.items()
        )
        return xml.xml_response("Tagging", xml.tag("TagSet", *rows))

    def put_tagging(self, request: S3Request) -> Response:
        root = xml.parse(request.read_document())
        if root.tag != "Tagging":
            raise malformed_xml()
        pairs = [(t.findtext("Key", ""), t.findtext("Value", "")) for t in root.iter("Tag")]
        tags = validate_tags(pairs)
        self._store.objects.update_metadata(request, lambda meta: replace(meta, tags=tags))
        return Response(status=200)

    def delete_tagging(self, request: S3Request) -> Response:
        self._store.objects.update_metadata(request, lambda meta: replace(meta, tags={}))
        return Response(status=204)


def build_object(content: ReceivedBody, meta: ObjectMetadata) -> NewObject:
    """Return a new object with a received body and the checksums computed for it."""
    return NewObject(
        size=content.size,
        etag=content.md5,
        meta=replace(
            meta, sums=content.checksums, sums_type="FULL_OBJECT" if content.checksums else ""
        ),
        files=(ObjectFile(content.file, content.size),) if content.file else (),
        data=content.data,
    )


def reject_version_id(request: S3Request) -> None:
    """Raise S3Error for every version id except ``null``: versioning is not emulated."""
    if request.query.get("versionId", "null") != "null":
        raise invalid_argument(
            "Invalid version id specified", name="versionId", value=request.query["versionId"]
        )


def _put_response_headers(stored: ObjectRow) -> dict[str, str]:
    return {"etag": f'"{stored.etag}"', **stored.meta.encryption_headers()}


def _object_headers(stored: ObjectRow) -> dict[str, str]:
    return {
        **stored.meta.response_headers(),
        "etag": f'"{stored.etag}"',
        "last-modified": format_http_date(stored.modified),
        "accept-ranges": "bytes",
    }


def _response_overrides(request: S3Request) -> dict[str, str]:
    overrides = {
        n: request.query[f"response-{n}"] for n in _OVERRIDES if f"response-{n}" in request.query
    }
    for name, value in overrides.items():
        if re.search(r"[\x00-\x1f\x7f]", value):  # a line break would add a header
            raise invalid_argument("Header value cannot be represented.", name=f"response-{name}")
    return overrides


def _select_range(request: S3Request, stored: ObjectRow) -> ByteRange | None:
    check_read_conditions(request.headers, stored.etag, stored.modified)
    if "partNumber" not in request.query:
        return parse_range(request.headers.get("range", ""), stored.size)
    if "range" in request.headers:
        raise S3Error(
            400, "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"
        )
    number = request.query_number("partNumber", 1, 10_000)
    # An object that was not uploaded in parts (no "-" in its ETag) counts as one part.
    sizes = [part.size for part in stored.files] if "-" in stored.etag else [stored.size]
    if not 1 <= number <= len(sizes):
        raise S3Error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
    return ByteRange(sum(sizes[: number - 1]), sizes[number - 1])
