"""Numbers, sizes and text as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def format_size(count: int) -> str:
    """Return a number of bytes in decimal units, such as ``1.5 KB``."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def escape_control_characters(text: str) -> str:
    """Return the text with control characters as escape sequences; tabs are kept.

    Keys, logs and image labels come from other people: written as they are, they could move the
    cursor or set the terminal's title.
    """
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in text)


def align_fields(values: Mapping[str, object]) -> Iterable[str]:
    """Return one line for each name and value, the values in one column."""
    width = max(map(len, values), default=0)
    return (f"{name:<{width}}  {value}" for name, value in values.items())
