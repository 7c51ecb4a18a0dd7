"""Read the pages of ListObjectsV2 without the SDK's model: 2 µs a key instead of 86."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_CHARACTER = r"[^<>&\x00-\x1f\ufffe\uffff]"  # neither markup nor what XML forbids or changes
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
# An object as S3 writes it. What differs in any way is left to an XML parser: other stores' order
# of elements, owners, entities in keys.
_OBJECT = re.compile(
    rf"<Contents>\s*<Key>({_CHARACTER}+)</Key>\s*<LastModified>({_TIME})</LastModified>\s*"
    rf"<ETag>(&quot;{_CHARACTER}*&quot;|&#34;{_CHARACTER}*&#34;|{_CHARACTER}*)</ETag>\s*"
    r"(?:<ChecksumAlgorithm>(\w*)</ChecksumAlgorithm>\s*)?"
    r"(?:<ChecksumType>(\w*)</ChecksumType>\s*)?"
    r"<Size>(\d+)</Size>\s*(?:<StorageClass>(\w*)</StorageClass>\s*)?</Contents>",
    re.ASCII,
)
_PIECES = 1 + _OBJECT.groups  # of a split: what is before an object, and its fields


class ObjectEntry(NamedTuple):
    """An object of a listing; ``etag`` has quotes if the store writes them."""

    key: str
    size: int
    last_modified: datetime
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPage:
    """One page of a listing: objects, common prefixes, and the token of the next page.

    Both are in the order of the response, keys and prefixes decoded. ``next_token`` is empty on
    the last page.
    """

    objects: Sequence[ObjectEntry]
    prefixes: Sequence[str]
    next_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitObjects:
    """The texts of a page's objects, by field, and the rest of the page.

    Keys may be URL-encoded: the rest says so. What an object does not have is None.
    """

    rest: bytes
    keys: Sequence[str]
    times: Sequence[str]
    etags: Sequence[str]
    sizes: Sequence[str]
    algorithms: Sequence[str | None]
    checksum_types: Sequence[str | None]
    storage_classes: Sequence[str | None]


class ListingFormatError(ScarError):
    """A response to ListObjectsV2 is not a complete listing."""

    def __init__(self, bucket: str, reason: str) -> None:
        super().__init__(
            f"The listing of the bucket {bucket} cannot be read: {reason}.",
            remedy="Run it again. If it happens again, the store does not implement S3's"
            " ListObjectsV2, or a proxy changes its responses.",
        )


def parse_listing(body: bytes, bucket: str) -> ObjectPage:
    """Return the page in the body of a response with status 200.

    Namespaces do not matter. Raise ListingFormatError if a part of the page is missing or invalid:
    an incomplete listing looks like deleted objects.
    """
    try:
        return _parse_regular(body) or _parse_any(body)
    except (ET.ParseError, OverflowError, ValueError) as error:
        raise ListingFormatError(bucket, str(error)) from error


def split_objects(body: bytes) -> SplitObjects | None:
    """Take the objects that are written as S3 does it out of a page; None if it has comments.

    The rest is a page without them, which a caller has to parse: it may have further objects, and
    what is invalid is there. Raise ValueError if the page is not UTF-8.
    """
    text = body.decode()
    if "<!" in text:  # objects in a comment are none
        return None
    pieces = _OBJECT.split(text)
    return SplitObjects(
        rest="".join(pieces[::_PIECES]).encode(),
        keys=pieces[1::_PIECES],
        times=pieces[2::_PIECES],
        etags=[e.replace("&quot;", '"').replace("&#34;", '"') for e in pieces[3::_PIECES]],
        algorithms=pieces[4::_PIECES],
        checksum_types=pieces[5::_PIECES],
        sizes=pieces[6::_PIECES],
        storage_classes=pieces[7::_PIECES],
    )


def _parse_regular(body: bytes) -> ObjectPage | None:
    """Return the page if all its objects are written as S3 does it, else None."""
    found = split_objects(body)
    if found is None:
        return None
    root = _parse_root(found.rest)
    if any(_local_name(child) == "Contents" for child in root):
        return None
    is_encoded, prefixes, token = _read_frame(root)
    keys: Iterable[str] = map(unquote_plus, found.keys) if is_encoded else found.keys
    times = map(datetime.fromisoformat, found.times)
    # tuple.__new__ by ``_make``: half the time of the class with keywords.
    fields = zip(keys, map(int, found.sizes), times, found.etags, strict=True)
    return ObjectPage(
        objects=list(map(ObjectEntry._make, fields)), prefixes=prefixes, next_token=token
    )


def _parse_any(body: bytes) -> ObjectPage:
    root = _parse_root(body)
    is_encoded, prefixes, token = _read_frame(root)
    objects = [
        _read_object(_read_texts(child), is_encoded=is_encoded)
        for child in root
        if _local_name(child) == "Contents"
    ]
    return ObjectPage(objects=objects, prefixes=prefixes, next_token=token)


def _parse_root(body: bytes) -> ET.Element:
    if b"<!DOCTYPE" in body:  # entities could make it much longer
        raise ValueError("it declares a document type")
    # The SDK ignores the declared encoding too: S3's is always UTF-8.
    root: ET.Element = ET.fromstring(body, ET.XMLParser(encoding="utf-8"))  # noqa: S314
    if _local_name(root) != "ListBucketResult":
        raise ValueError(f"it is a {_local_name(root)}, not a ListBucketResult")
    return root


def _read_frame(root: ET.Element) -> tuple[bool, Sequence[str], str]:
    """Return whether keys are URL-encoded, the common prefixes, and the token of the next page."""
    texts = _read_texts(root)
    is_encoded = texts.get("EncodingType") == "url"
    token, is_truncated = texts.get("NextContinuationToken", ""), texts.get("IsTruncated", "")
    if is_truncated == "true" and not token:
        raise ValueError("it is truncated and has no NextContinuationToken")
    prefixes = _decode(_read_prefixes(root), is_encoded=is_encoded)
    return is_encoded, prefixes, "" if is_truncated == "false" else token


def _read_prefixes(root: ET.Element) -> Iterator[str]:
    """Yield the common prefixes; one element may have several, or each its own."""
    for child in root:
        if _local_name(child) == "CommonPrefixes":
            found = [part.text or "" for part in child if _local_name(part) == "Prefix"]
            if not found:
                raise ValueError("a common prefix has no Prefix")
            yield from found


def _read_object(texts: Mapping[str, str], *, is_encoded: bool) -> ObjectEntry:
    (key,) = _decode([_read_text(texts, "Key")], is_encoded=is_encoded)
    return ObjectEntry(
        key=key,
        size=int(_read_text(texts, "Size")),
        last_modified=_parse_time(_read_text(texts, "LastModified")),
        etag=texts.get("ETag", ""),
    )


def _decode(names: Iterable[str], *, is_encoded: bool) -> list[str]:
    return [unquote_plus(name) if is_encoded else name for name in names]


def _parse_time(text: str) -> datetime:
    """Return an ISO 8601 time, in UTC if it has no zone, or one as in HTTP's headers."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        from email.utils import parsedate_to_datetime  # S3 never writes this form

        time = parsedate_to_datetime(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _read_texts(element: ET.Element) -> dict[str, str]:
    return {_local_name(child): child.text or "" for child in element}


def _read_text(texts: Mapping[str, str], name: str) -> str:
    text = texts.get(name, "")
    if not text:
        raise ValueError(f"an object has no {name}")
    return text


def _local_name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
