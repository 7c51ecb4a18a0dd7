"""The value of --since."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scar.cli.run_selection.run_options import parse_time
from scar.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("3d", 259_200), ("1w", 604_800)]
)
def test_since_may_be_how_long_ago(text: str, seconds: int) -> None:
    now = datetime(2026, 9, 21, 12, tzinfo=UTC)
    assert (now - parse_time(text, now)).total_seconds() == seconds


def test_since_may_be_a_date_or_a_time() -> None:
    now = datetime(2026, 9, 21, 12, tzinfo=UTC)
    assert parse_time("2026-11-24", now) == datetime(2026, 11, 24, tzinfo=UTC)
    assert parse_time("2026-11-24T13:00+01:00", now) == datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "5", "h", "-3h", "3 fortnights"])
def test_other_values_of_since_are_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_time(text, datetime.now(UTC))
    assert "2026-11-24" in raised.value.remedy
