"""The operations ListObjects, ListObjectsV2, ListObjectVersions and DeleteObjects."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from scar.local.s3.protocol import xml
from scar.local.s3.protocol.body import parse_expected_body
from scar.local.s3.protocol.conditions import UNCONDITIONAL, WriteCondition
from scar.local.s3.protocol.errors import S3Error, invalid_argument, malformed_xml
from scar.local.s3.protocol.event_messages import OWNER
from scar.local.s3.protocol.metadata import read_listed_metadata
from scar.local.s3.protocol.names import check_object_key
from scar.local.s3.storage import buckets
from scar.local.s3.storage.listing import ListedObject, ListingPage, ListingQuery, list_page

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

    from scar.local.http.messages import Response
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.store import LocalObjectStore

MAX_KEYS = 1000
_OWNER = xml.tag("Owner", xml.text("ID", OWNER))
_UNRESERVED_KEY = re.compile(r"[A-Za-z0-9/*._~-]*")


class ListingApi:
    """The operations on many objects: one method each."""

    def __init__(self, store: LocalObjectStore) -> None:
        self._store = store

    def list_objects(self, request: S3Request) -> Response:
        version = request.query.get("list-type", "")
        if version == "2":
            return self._list_objects_v2(request)
        if version:
            raise invalid_argument(
                "Invalid List Type specified in Request", name="list-type", value=version
            )
        after = request.query.get("marker", "")
        page = self._read_page(request, after)
        encoder = _KeyEncoder(request)
        extra = [encoder.text("Marker", after)]
        if page.truncated and request.query.get("delimiter"):
            extra.append(encoder.text("NextMarker", page.last))
        contents = _contents_elements(page, encoder, owner=True)
        return _listing_response(request, page, "ListBucketResult", extra, contents)

    def _list_objects_v2(self, request: S3Request) -> Response:
        token = request.query.get("continuation-token")
        after = request.query.get("start-after", "")
        page = self._read_page(request, after if token is None else _decode_token(token))
        encoder = _KeyEncoder(request)
        extra = [xml.text("KeyCount", len(page.objects) + len(page.common_prefixes))]
        if after:
            extra.append(encoder.text("StartAfter", after))
        if token is not None:
            extra.append(xml.text("ContinuationToken", token))
        if page.truncated:
            extra.append(xml.text("NextContinuationToken", _encode_token(page.last)))
        owner = request.query.get("fetch-owner", "").lower() == "true"
        contents = _contents_elements(page, encoder, owner=owner)
        return _listing_response(request, page, "ListBucketResult", extra, contents)

    def list_versions(self, request: S3Request) -> Response:
        """List each object as its only version, ``null``: versioning is not emulated."""
        after = request.query.get("key-marker", "")
        page = self._read_page(request, after)
        encoder = _KeyEncoder(request)
        extra = [encoder.text("KeyMarker", after)]
        if page.truncated:
            extra += [encoder.text("NextKeyMarker", page.last), xml.tag("NextVersionIdMarker")]
        version = xml.text("VersionId", "null") + xml.flag("IsLatest", value=True)
        rows = [
            xml.tag("Version", version, _object_elements(listed, encoder, owner=True))
            for listed in page.objects
        ]
        return _listing_response(request, page, "ListVersionsResult", extra, rows)

    def _read_page(self, request: S3Request, after: str) -> ListingPage:
        encoding = request.query.get("encoding-type", "url")
        if encoding != "url":
            raise invalid_argument("Invalid Encoding Method specified in Request")
        query = ListingQuery(
            prefix=request.query.get("prefix", ""),
            delimiter=request.query.get("delimiter", ""),
            after=after,
            limit=request.query_number("max-keys", MAX_KEYS, MAX_KEYS),
        )
        with self._store.database.read() as db:
            buckets.require(db, request.bucket)
            return list_page(db, request.bucket, query)

    def delete_objects(self, request: S3Request) -> Response:
        document = request.read_document()
        _require_digest(request)
        root = xml.parse(document)
        elements = root.findall("Object")
        if root.tag != "Delete" or not 1 <= len(elements) <= MAX_KEYS:
            raise malformed_xml()
        with self._store.database.read() as db:
            buckets.require(db, request.bucket)
        quiet = root.findtext("Quiet", "").lower() == "true"
        rows = [self._delete_one(request, element, quiet=quiet) for element in elements]
        return xml.xml_response("DeleteResult", *rows)

    def _delete_one(self, request: S3Request, element: Element, *, quiet: bool) -> str:
        key = element.findtext("Key", "")
        etag = element.findtext("ETag")
        condition = WriteCondition(etag=etag.strip('"')) if etag else UNCONDITIONAL
        try:
            check_object_key(key)
            _check_version(element.findtext("VersionId", "null"))
            self._store.objects.delete(request, key, condition)
        except S3Error as error:
            return xml.tag(
                "Error",
                xml.text("Key", key),
                xml.text("Code", error.code),
                xml.text("Message", error.message),
            )
        return "" if quiet else xml.tag("Deleted", xml.text("Key", key))


def _check_version(version: str) -> None:
    if version != "null":
        raise S3Error(404, "NoSuchVersion", "The specified version does not exist.")


class _KeyEncoder:
    """Encodes keys as XML text, percent-encoded if the request has ``encoding-type=url``."""

    def __init__(self, request: S3Request) -> None:
        self._encode = "encoding-type" in request.query

    def text(self, name: str, key: str) -> str:
        if _UNRESERVED_KEY.fullmatch(key):
            return f"<{name}>{key}</{name}>"
        return xml.text(name, quote(key, safe="/*-._~") if self._encode else key)


def _listing_response(
    request: S3Request, page: ListingPage, root: str, extra: Iterable[str], rows: Iterable[str]
) -> Response:
    encoder = _KeyEncoder(request)
    head = [
        xml.text("Name", request.bucket),
        encoder.text("Prefix", request.query.get("prefix", "")),
        xml.text("MaxKeys", request.query_number("max-keys", MAX_KEYS, MAX_KEYS)),
        xml.flag("IsTruncated", value=page.truncated),
    ]
    if delimiter := request.query.get("delimiter"):
        head.append(encoder.text("Delimiter", delimiter))
    if "encoding-type" in request.query:
        head.append(xml.text("EncodingType", "url"))
    prefixes = [
        xml.tag("CommonPrefixes", encoder.text("Prefix", prefix)) for prefix in page.common_prefixes
    ]
    return xml.xml_response(root, *head, *extra, *rows, *prefixes)


def _contents_elements(page: ListingPage, encoder: _KeyEncoder, *, owner: bool) -> list[str]:
    return [
        f"<Contents>{_object_elements(listed, encoder, owner=owner)}</Contents>"
        for listed in page.objects
    ]


def _object_elements(listed: ListedObject, encoder: _KeyEncoder, *, owner: bool) -> str:
    # One text: a page has a thousand objects. Only the key may need escapes.
    algorithms, storage_class = read_listed_metadata(listed.meta)
    sums = "".join(f"<ChecksumAlgorithm>{a.upper()}</ChecksumAlgorithm>" for a in algorithms)
    return (
        f"{encoder.text('Key', listed.key)}"
        f"<LastModified>{xml.format_timestamp(listed.modified)}</LastModified>"
        f'<ETag>"{listed.etag}"</ETag>{sums}<Size>{listed.size}</Size>'
        f"<StorageClass>{storage_class}</StorageClass>{_OWNER if owner else ''}"
    )


def _encode_token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("The continuation token provided is incorrect") from error


def _require_digest(request: S3Request) -> None:
    expected = parse_expected_body(request.headers)
    if expected.md5 is None and not expected.algorithms:
        raise S3Error(
            400, "InvalidRequest", "Missing required header for this request: Content-MD5"
        )
