"""Numbers, sizes and text as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.meter import format_count, format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "align_fields",
    "escape_control_characters",
    "format_count",
    "format_duration",
    "format_size",
]


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
