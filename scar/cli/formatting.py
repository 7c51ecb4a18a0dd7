"""Numbers, sizes and text as people read them."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime
from pathlib import PurePath
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
    "to_json_value",
]

_NOT_PRINTABLE_ASCII = re.compile(r"[^\x20-\x7e]")


def escape_control_characters(text: str, keep: str = "\t") -> str:
    """Return the text with control characters as escape sequences, except those in ``keep``.

    Keys, logs and image labels come from other people: written as they are, they could move the
    cursor, set the terminal's title, or reverse the order of the characters that follow.
    """
    if _is_printable(text, keep):
        return text
    return _NOT_PRINTABLE_ASCII.sub(
        lambda found: (
            found[0] if found[0].isprintable() or found[0] in keep else ascii(found[0])[1:-1]
        ),
        text,
    )


def _is_printable(text: str, keep: str) -> bool:
    """Return whether there is nothing to escape, without a look at each character in Python."""
    if text.isprintable():
        return True
    for character in keep:
        text = text.replace(character, "")
    return text.isprintable()


def escape_lines(text: str) -> str:
    """Return text of several lines with control characters as escape sequences."""
    return escape_control_characters(text, keep="\t\n")


def escape_json(document: str, encoding: str = "utf-8") -> str:
    """Return a JSON document without control characters and what the encoding does not have.

    The json module escapes characters below U+0020 only; terminals also obey U+007F to U+009F. The
    document's value stays the same: outside strings JSON has only ASCII characters and line ends.
    """
    import json

    safe = document
    if not _is_printable(document, "\n"):
        safe = _NOT_PRINTABLE_ASCII.sub(
            lambda found: (
                found[0]
                if found[0].isprintable() or found[0] == "\n"
                else json.dumps(found[0])[1:-1]
            ),
            document,
        )
    if safe.isascii():
        return safe
    try:
        safe.encode(encoding)
    except UnicodeEncodeError:
        return "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in safe)
    return safe


def to_json_value(value: object) -> object:
    """Convert a value that the json module does not know; raise TypeError for others."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def align_fields(values: Mapping[str, object]) -> Iterable[str]:
    """Return one line for each name and value, the values in one column."""
    width = max(map(len, values), default=0)
    return (f"{name:<{width}}  {value}" for name, value in values.items())
