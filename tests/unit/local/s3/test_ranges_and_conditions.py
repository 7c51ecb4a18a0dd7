"""Byte ranges and conditional requests, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.s3.protocol.conditions import (
    check_copy_conditions,
    check_read_conditions,
    parse_write_condition,
)
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.ranges import parse_range

DAY = 86400.0
OLD, NEW = "Fri, 02 Jan 1970 00:00:00 GMT", "Mon, 05 Jan 1970 00:00:00 GMT"


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_what_python_slices(size: int, first: int, last: int) -> None:
    data = bytes(size)
    wanted = data[first : last + 1]
    if last < first:
        assert parse_range(f"bytes={first}-{last}", size) is None
    elif not wanted:
        with pytest.raises(S3Error) as caught:
            parse_range(f"bytes={first}-{last}", size)
        assert caught.value.status == 416
    else:
        found = parse_range(f"bytes={first}-{last}", size)
        assert found
        assert (found.start, found.length) == (first, len(wanted))


@pytest.mark.parametrize("value", ["", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "items=1-2"])
def test_an_invalid_range_is_ignored(value: str) -> None:
    assert parse_range(value, 10) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": '"e"'}, 0),
        ({"if-match": "*"}, 0),
        ({"if-match": '"x", "e"'}, 0),
        ({"if-match": '"x"'}, 412),
        ({"if-none-match": '"e"'}, 304),
        ({"if-none-match": '"x"'}, 0),
        ({"if-modified-since": NEW}, 304),
        ({"if-modified-since": OLD}, 0),
        ({"if-modified-since": "no date"}, 0),
        ({"if-modified-since": f"Sun, 06 Nov {10**20} 08:49:37 GMT"}, 0),
        ({"if-unmodified-since": OLD}, 412),
        ({"if-unmodified-since": NEW}, 0),
        ({"if-match": '"e"', "if-unmodified-since": OLD}, 0),
        ({"if-none-match": '"x"', "if-modified-since": NEW}, 0),
        ({"if-none-match": '"e"', "if-modified-since": OLD}, 304),
    ],
)
def test_reads_follow_the_table_of_the_api_reference(headers: dict[str, str], status: int) -> None:
    copied = {f"x-amz-copy-source-{name}": value for name, value in headers.items()}
    for check, given_headers, expected in (
        (check_read_conditions, headers, status),
        (check_copy_conditions, copied, 412 if status == 304 else status),
    ):
        if not expected:
            check(given_headers, "e", 2.5 * DAY)
            continue
        with pytest.raises(S3Error) as caught:
            check(given_headers, "e", 2.5 * DAY)
        assert caught.value.status == expected


@pytest.mark.parametrize(
    ("headers", "current", "seen", "status"),
    [
        ({}, None, False, 0),
        ({"if-none-match": "*"}, None, False, 0),
        ({"if-none-match": "*"}, "e", False, 412),
        ({"if-match": '"e"'}, "e", True, 0),
        ({"if-match": '"x"'}, "e", True, 412),
        ({"if-match": '"e"'}, None, False, 404),
        ({"if-match": '"e"'}, None, True, 409),
    ],
)
def test_writes_are_rejected_when_the_object_is_in_another_state(
    headers: dict[str, str],
    current: str | None,
    seen: bool,
    status: int,
) -> None:
    condition = parse_write_condition(headers)
    if not status:
        condition.check("k", current, existed_before=seen)
        return
    with pytest.raises(S3Error) as caught:
        condition.check("k", current, existed_before=seen)
    assert caught.value.status == status
