"""Pages of ListObjectsV2: the same as the SDK reads, from any store; never a part of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.handlers import decode_list_object_v2
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.client import object_listing
from scar.aws.client.object_listing import ListingFormatError, ObjectEntry, parse_listing
from tests.unit.aws.client.listing_pages import NAMESPACE, listing_pages, parse_with_sdk

TIME = "2026-11-30T10:11:12.000Z"


def _parse_with_sdk(body: bytes) -> dict[str, Any]:
    parsed = parse_with_sdk(body)
    decode_list_object_v2(parsed, {"encoding_type_auto_set": True})
    return parsed


def _page(*objects: str, frame: str = "<IsTruncated>false</IsTruncated>") -> bytes:
    return f"<ListBucketResult{NAMESPACE}>{frame}{''.join(objects)}</ListBucketResult>".encode()


def _object(
    key: str = "a", *, size: str = "1", time: str = TIME, etag: str = "&quot;0&quot;"
) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{time}</LastModified><ETag>{etag}</ETag>"
        f"<Size>{size}</Size></Contents>"
    )


@given(listing_pages())
def test_a_page_is_what_the_sdk_reads(body: bytes) -> None:
    expected = _parse_with_sdk(body)
    page = parse_listing(body, "photos")
    assert page.objects == [
        ObjectEntry(one["Key"], one["Size"], one["LastModified"], one.get("ETag", ""))
        for one in expected.get("Contents", [])
    ]
    assert page.prefixes == [one["Prefix"] for one in expected.get("CommonPrefixes", [])]
    assert page.next_token == expected.get("NextContinuationToken", "")


@given(st.data())
def test_a_page_that_is_cut_off_is_an_error(data: st.DataObject) -> None:
    body = data.draw(listing_pages())
    length = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    with pytest.raises(ListingFormatError):
        parse_listing(body[:length], "photos")


def test_the_pages_of_s3_take_the_fast_path() -> None:
    body = _page(
        f"<Contents><Key>a+b/%C3%A4</Key><LastModified>{TIME}</LastModified>"
        "<ETag>&quot;9b2c&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
        "<ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>",
        frame="<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>",
    )
    page = object_listing._parse_regular(body)
    assert page is not None
    time = datetime(2026, 11, 30, 10, 11, 12, tzinfo=UTC)
    assert page.objects == [ObjectEntry("a b/ä", 7, time, '"9b2c"')]


@pytest.mark.parametrize(
    "text",
    ["&amp;&lt;&#x20ac;", "a>b", "<![CDATA[a<b]]>", "a<!-- -->b", "a\r\nb", "a\tb", "%41+b"],
)
def test_a_key_is_what_xml_says(text: str) -> None:
    body = _page(_object("first"), _object(text))
    expected = [one["Key"] for one in _parse_with_sdk(body)["Contents"]]
    assert [one.key for one in parse_listing(body, "photos").objects] == expected


def test_an_object_in_a_comment_is_none() -> None:
    body = _page(_object("a"), f"<!-- {_object('b')} -->")
    assert [one.key for one in parse_listing(body, "photos").objects] == ["a"]


def test_prefixes_of_namespaces_do_not_matter() -> None:
    body = _page(_object()).replace(b"<", b"<s3:").replace(b"<s3:/", b"</s3:")
    body = body.replace(b" xmlns=", b" xmlns:s3=")
    assert [one.key for one in parse_listing(body, "photos").objects] == ["a"]


def test_a_time_without_a_zone_is_utc() -> None:
    (found,) = parse_listing(_page(_object(time="2026-11-30T10:11:12")), "photos").objects
    assert found.last_modified == datetime(2026, 11, 30, 10, 11, 12, tzinfo=UTC)


_INVALID = {
    "no XML": (b"", "no element found"),
    "no UTF-8": (_page(_object("\x7f")).replace(b"\x7f", b"\xff"), "decode"),
    "control character": (_page(_object("\x01")), "invalid token"),
    "other document": (b"<html><body>Log in</body></html>", "it is a html"),
    "document type": (b"<!DOCTYPE x>" + _page(_object()), "declares a document type"),
    "unknown entity": (_page(_object("&nbsp;")), "undefined entity"),
    "no token": (_page(_object(), frame="<IsTruncated>true</IsTruncated>"), "is truncated"),
    "no key": (_page(_object("")), "an object has no Key"),
    "no size": (_page(_object(size="")), "an object has no Size"),
    "size": (_page(_object(size="1e3")), "invalid literal"),
    "no time": (_page(_object(time="")), "an object has no LastModified"),
    "month": (_page(_object(time="2026-13-30T10:11:12.000Z")), "month must be in"),
    "time": (_page(_object(time="yesterday")), "Invalid"),
    "year": (_page(_object(time=f"Sun, 06 Nov {'9' * 20} 08:49:37 GMT")), "too large"),
    "no prefix": (_page("<CommonPrefixes/>"), "a common prefix has no Prefix"),
}


@pytest.mark.parametrize("name", _INVALID)
def test_an_invalid_page_is_an_error_that_says_why(name: str) -> None:
    body, reason = _INVALID[name]
    with pytest.raises(ListingFormatError) as caught:
        parse_listing(body, "photos")
    assert caught.value.problem.startswith("The listing of the bucket photos cannot be read: ")
    assert reason in caught.value.problem
