"""Dates of HTTP, compared with the package email."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supervisor.http.dates import parse_http_date

moments = st.datetimes(datetime(1960, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
@example(datetime(2000, 2, 29, 23, 59, 59, tzinfo=UTC))
@example(datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC))
@example(datetime(2100, 3, 1, tzinfo=UTC))
def test_a_date_is_its_epoch_seconds(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert parse_http_date(format_datetime(moment, usegmt=True)) == moment.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 +0100",
        "6 Nov 1994 08:49:37 GMT",
    ],
)
def test_other_forms_are_read_too(text: str) -> None:
    assert parse_http_date(text) == parsedate_to_datetime(text).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
    ],
)
def test_what_is_no_date_is_zero(text: str) -> None:
    assert parse_http_date(text) == 0.0
