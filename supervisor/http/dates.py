"""Dates in headers."""

from __future__ import annotations

_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
_DAYS_UNTIL_1970 = 1969 * 365 + 1969 // 4 - 1969 // 100 + 1969 // 400
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {f" {name} ": number for number, name in enumerate(_NAMES, 1)}


def parse_http_date(date: str) -> float:
    """Return the epoch seconds of a date, 0.0 if the text is none."""
    if not date:
        return 0.0
    seconds = _parse_fixed_date(date)
    return _parse_other_date(date) if seconds is None else seconds


def _parse_fixed_date(date: str) -> float | None:
    """Parse the form that all servers send: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7)."""
    fields = date[5:7], date[12:16], date[17:19], date[20:22], date[23:25]
    between = date[3:5], date[16:17], date[19:20], date[22:23], date[25:]
    month = _MONTHS.get(date[7:12])
    if month is None or between != (", ", " ", ":", ":", " GMT"):
        return None
    if not ("".join(fields).isdecimal() and date.isascii()):
        return None
    day, year, hour, minute, second = map(int, fields)
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + (is_leap and month == 2)
    if not (year >= 1970 and 1 <= day <= length and hour < 24 and minute < 60 and second < 60):
        return None
    years = year - 1
    days = years * 365 + years // 4 - years // 100 + years // 400 - _DAYS_UNTIL_1970
    days += _DAYS_BEFORE[month - 1] + (is_leap and month > 2) + day - 1
    return days * 86400.0 + hour * 3600 + minute * 60 + second


def _parse_other_date(date: str) -> float:
    # Imported here: no store is known that sends another form.
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(date).timestamp()
    except (OverflowError, TypeError, ValueError):
        return 0.0
