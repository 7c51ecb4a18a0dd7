"""Keys, metadata, conditions and part sizes in S3's format."""

from __future__ import annotations

import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import StorageError
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef
from supervisor.storage.s3_protocol import (
    MAX_KEY_BYTES,
    MAX_PARTS,
    MIB,
    check_key,
    combine_crc32,
    condition_headers,
    metadata_headers,
    parse_object_headers,
    part_size,
    whole_crc32,
)

REF = ObjectRef("s3", "data", "key")
names = st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True).filter(lambda n: n != "scar-write")
values = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["=?UTF-8?B?eA==?=", "=?utf-8?b?", " x", "x ", "a\r\nb"]),
)


@given(st.binary(max_size=300), st.integers(1, 70))
def test_the_crc_of_a_file_follows_from_those_of_its_parts(data: bytes, size: int) -> None:
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    sums = [b64encode(zlib.crc32(part).to_bytes(4, "big")).decode() for part in parts]
    assert whole_crc32(sums, len(data), size) == zlib.crc32(data)


def test_crcs_of_large_parts_are_combined() -> None:
    first, second = b"a" * 100_000, b"b" * 200_001
    combined = combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


@given(st.dictionaries(names, values, max_size=5))
def test_metadata_is_unchanged_after_encoding_in_headers(metadata: dict[str, str]) -> None:
    headers = metadata_headers(metadata, "1234", REF)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert parse_object_headers(headers).metadata == metadata


@pytest.mark.parametrize("name", ["", "two words", "a:b", "ü", "x\r\ny"])
def test_an_invalid_header_name_is_rejected(name: str) -> None:
    with pytest.raises(StorageError, match="name of user metadata"):
        metadata_headers({name: "v"}, "1", REF)


def test_more_metadata_than_s3_s_limit_is_rejected() -> None:
    with pytest.raises(StorageError, match="2048"):
        metadata_headers({"a": "x" * 2048}, "1", REF)


@pytest.mark.parametrize("key", ["", "x" * (MAX_KEY_BYTES + 1), "é" * 513, "bad\udcff"])
def test_keys_that_s3_rejects_are_rejected(key: str) -> None:
    with pytest.raises(StorageError):
        check_key(ObjectRef("s3", "data", key))


def test_a_key_may_have_1024_bytes() -> None:
    check_key(ObjectRef("s3", "data", "é" * 512))


@given(st.integers(1, 50 * 2**40))
def test_no_upload_has_more_parts_than_s3_allows(total: int) -> None:
    size = part_size(total, 16 * MIB)
    assert size >= 16 * MIB
    assert size % MIB == 0
    assert -(-total // size) <= MAX_PARTS


def test_conditions_become_headers() -> None:
    assert condition_headers(None) == {}
    assert condition_headers(IfNoneMatch()) == {"if-none-match": "*"}
    assert condition_headers(IfMatch("abc")) == {"if-match": '"abc"'}
    assert condition_headers(IfMatch('"abc"')) == {"if-match": '"abc"'}


def test_missing_headers_are_zero_or_empty() -> None:
    found = parse_object_headers({"content-length": "7", "last-modified": "nonsense"})
    assert (found.size, found.etag, found.last_modified, found.response_date) == (7, "", 0.0, 0.0)
