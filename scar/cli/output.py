"""The one place that writes to the terminal: data on stdout, talk on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_BOLD, _FAINT, _PLAIN = "\033[1m", "\033[2m", "\033[0m"
_CLEAR = "\r\033[K"


class Terminal:
    """Writes to the streams of the process as they are when it writes."""

    def __init__(self) -> None:
        self._progress = False

    def say(self, text: str) -> None:
        """Tell people something, on stderr."""
        self.end_progress()
        sys.stderr.write(f"{_safe(text, sys.stderr.encoding)}\n")
        sys.stderr.flush()

    def progress(self, text: str) -> None:
        """Show how far it is, over the former such line; nothing unless people watch."""
        if sys.stderr.isatty():
            self._progress = True
            sys.stderr.write(f"{_CLEAR}{_safe(text, sys.stderr.encoding)}")
            sys.stderr.flush()

    def end_progress(self) -> None:
        if self._progress:
            self._progress = False
            sys.stderr.write(_CLEAR)

    def data(self, text: str) -> None:
        """Write one line or block of data."""
        self.end_progress()
        sys.stdout.write(f"{_safe(text, sys.stdout.encoding)}\n")

    def fresh_page(self) -> None:
        """Start at the top of an empty screen, if there is one."""
        if sys.stdout.isatty():
            sys.stdout.write("\033[H\033[2J")

    def raw(self, content: bytes) -> None:
        """Write bytes as they are."""
        self.end_progress()
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    def json(self, value: object) -> None:
        self.data(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))

    def json_rows(self, rows: Iterable[object]) -> None:
        """Write a JSON list row by row, so that it may be of any length."""
        empty = True
        for row in rows:
            text = json.dumps(row, default=_plain, ensure_ascii=False)
            sys.stdout.write(_safe(f"{'[' if empty else ','}\n  {text}", sys.stdout.encoding))
            empty = False
        self.data("[]" if empty else "\n]")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> None:
        """Write aligned columns; ``right`` names, by letters l and r, how each is aligned."""
        cells = [tuple(map(_one_line, row)) for row in rows]
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        sides = right or "l" * len(head)
        self.data(self.bold(_line(head, widths, sides)))
        for row in cells:
            self.data(_line(row, widths, sides))

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if _coloured() else text

    def faint(self, text: str) -> str:
        return f"{_FAINT}{text}{_PLAIN}" if _coloured() else text


def size(count: int) -> str:
    """Write a number of bytes for people."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def count(number: int, what: str) -> str:
    """Write a number of things: ``1 file``, ``2 files``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def printable(text: str) -> str:
    """Show control characters of foreign text instead of obeying them; tabs stay."""
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in text)


def fields(of: Mapping[str, object]) -> Iterable[str]:
    """Write names and values, aligned."""
    width = max(map(len, of), default=0)
    return (f"{name:<{width}}  {value}" for name, value in of.items())


def _one_line(cell: str) -> str:
    return printable(cell)


def _line(cells: Sequence[str], widths: Sequence[int], sides: str) -> str:
    aligned = (
        cell.rjust(width) if side == "r" else cell.ljust(width)
        for cell, width, side in zip(cells, widths, sides, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _safe(text: str, encoding: str | None) -> str:
    """Escape what the stream cannot hold, such as half of a surrogate pair."""
    return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
