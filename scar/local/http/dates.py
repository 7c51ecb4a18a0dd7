"""HTTP dates, formatted once a second."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache


def format_http_date(seconds: float) -> str:
    """Return epoch seconds as ``Sat, 21 Nov 2026 10:00:00 GMT``."""
    return _format(int(seconds))


@lru_cache(maxsize=1024)
def _format(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
