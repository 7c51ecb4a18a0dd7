"""ListObjects, ListObjectsV2, ListObjectVersions and DeleteObjects."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import quote

from scar.local.s3.protocol import xml
from scar.local.s3.protocol.conditions import UNCONDITIONAL, WriteCondition
from scar.local.s3.protocol.errors import S3Error, invalid, malformed_xml
from scar.local.s3.protocol.event_messages import OWNER
from scar.local.s3.protocol.metadata import Meta
from scar.local.s3.protocol.names import check_key
from scar.local.s3.storage import buckets
from scar.local.s3.storage.body_receiver import expectation
from scar.local.s3.storage.listing import Listed, Page, Query, list_page

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

    from scar.local.http.messages import Response
    from scar.local.s3.protocol.request import Call
    from scar.local.s3.storage.store import Store

MAX_KEYS = 1000


class ListingApi:
    """Each method is one operation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list_objects(self, call: Call) -> Response:
        version = call.query.get("list-type", "")
        if version == "2":
            return self._version_2(call)
        if version:
            raise invalid("Invalid List Type specified in Request", name="list-type", value=version)
        after = call.query.get("marker", "")
        page = self._page(call, after)
        name = _Namer(call)
        extra = [name.text("Marker", after)]
        if page.truncated and call.query.get("delimiter"):
            extra.append(name.text("NextMarker", page.last))
        return _result(call, page, "ListBucketResult", extra, _contents(page, name, owner=True))

    def _version_2(self, call: Call) -> Response:
        token = call.query.get("continuation-token")
        after = call.query.get("start-after", "")
        page = self._page(call, after if token is None else _decoded(token))
        name = _Namer(call)
        extra = [xml.text("KeyCount", len(page.objects) + len(page.prefixes))]
        if after:
            extra.append(name.text("StartAfter", after))
        if token is not None:
            extra.append(xml.text("ContinuationToken", token))
        if page.truncated:
            extra.append(xml.text("NextContinuationToken", _encoded(page.last)))
        owner = call.query.get("fetch-owner", "").lower() == "true"
        return _result(call, page, "ListBucketResult", extra, _contents(page, name, owner=owner))

    def list_versions(self, call: Call) -> Response:
        """All objects as their own only version: buckets are not versioned here."""
        after = call.query.get("key-marker", "")
        page = self._page(call, after)
        name = _Namer(call)
        extra = [name.text("KeyMarker", after)]
        if page.truncated:
            extra += [name.text("NextKeyMarker", page.last), xml.tag("NextVersionIdMarker")]
        version = xml.text("VersionId", "null") + xml.flag("IsLatest", value=True)
        rows = [
            xml.tag("Version", version, *_object(each, name, owner=True)) for each in page.objects
        ]
        return _result(call, page, "ListVersionsResult", extra, rows)

    def _page(self, call: Call, after: str) -> Page:
        encoding = call.query.get("encoding-type", "url")
        if encoding != "url":
            raise invalid("Invalid Encoding Method specified in Request")
        query = Query(
            prefix=call.query.get("prefix", ""),
            delimiter=call.query.get("delimiter", ""),
            after=after,
            limit=call.number("max-keys", MAX_KEYS, MAX_KEYS),
        )
        with self._store.database.read() as db:
            buckets.need(db, call.bucket)
            return list_page(db, call.bucket, query)

    def delete_objects(self, call: Call) -> Response:
        document = call.document()
        _need_digest(call)
        root = xml.parse(document)
        wanted = root.findall("Object")
        if root.tag != "Delete" or not 1 <= len(wanted) <= MAX_KEYS:
            raise malformed_xml()
        with self._store.database.read() as db:
            buckets.need(db, call.bucket)
        quiet = root.findtext("Quiet", "").lower() == "true"
        rows = [self._delete_one(call, element, quiet=quiet) for element in wanted]
        return xml.document("DeleteResult", *rows)

    def _delete_one(self, call: Call, element: Element, *, quiet: bool) -> str:
        key = element.findtext("Key", "")
        etag = element.findtext("ETag")
        condition = WriteCondition(etag=etag.strip('"')) if etag else UNCONDITIONAL
        try:
            check_key(key)
            _check_version(element.findtext("VersionId", "null"))
            self._store.objects.delete(call, key, condition)
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


class _Namer:
    """Writes keys, percent-encoded if the caller asked for it."""

    def __init__(self, call: Call) -> None:
        self._encode = "encoding-type" in call.query

    def text(self, name: str, key: str) -> str:
        return xml.text(name, quote(key, safe="/*-._~") if self._encode else key)


def _result(
    call: Call, page: Page, root: str, extra: Iterable[str], rows: Iterable[str]
) -> Response:
    name = _Namer(call)
    head = [
        xml.text("Name", call.bucket),
        name.text("Prefix", call.query.get("prefix", "")),
        xml.text("MaxKeys", call.number("max-keys", MAX_KEYS, MAX_KEYS)),
        xml.flag("IsTruncated", value=page.truncated),
    ]
    if delimiter := call.query.get("delimiter"):
        head.append(name.text("Delimiter", delimiter))
    if "encoding-type" in call.query:
        head.append(xml.text("EncodingType", "url"))
    prefixes = [xml.tag("CommonPrefixes", name.text("Prefix", each)) for each in page.prefixes]
    return xml.document(root, *head, *extra, *rows, *prefixes)


def _contents(page: Page, name: _Namer, *, owner: bool) -> list[str]:
    return [xml.tag("Contents", *_object(each, name, owner=owner)) for each in page.objects]


def _object(each: Listed, name: _Namer, *, owner: bool) -> list[str]:
    meta = Meta.load(each.meta)
    fields = [
        name.text("Key", each.key),
        xml.text("LastModified", xml.timestamp(each.modified)),
        xml.text("ETag", f'"{each.etag}"'),
        *(xml.text("ChecksumAlgorithm", algorithm.upper()) for algorithm in meta.sums),
        xml.text("Size", each.size),
        xml.text("StorageClass", meta.storage_class),
    ]
    if owner:
        fields.append(xml.tag("Owner", xml.text("ID", OWNER)))
    return fields


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid("The continuation token provided is incorrect") from error


def _need_digest(call: Call) -> None:
    expected = expectation(call.headers)
    if expected.md5 is None and not expected.algorithms:
        raise S3Error(
            400, "InvalidRequest", "Missing required header for this request: Content-MD5"
        )
