"""Points in time as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from scar.errors import UsageError

_RELATIVE_TIME = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_time(text: str, now: datetime) -> datetime:
    """Read ``90m``, ``2h``, ``3d``, ``2026-11-24`` or ``2026-11-24T13:00`` (UTC unless it says so).

    Raise UsageError for anything else.
    """
    ago = _RELATIVE_TIME.fullmatch(text.strip())
    if ago:
        return now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no point in time.",
            remedy="Write how long ago (90m, 2h, 3d) or when (2026-11-24, 2026-11-24T13:00).",
        ) from error
    return told if told.tzinfo else told.replace(tzinfo=UTC)
