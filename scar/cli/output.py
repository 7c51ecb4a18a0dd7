"""The terminal: data on stdout, messages and progress on stderr.

Everything that commands print passes here, and only here control characters are escaped: file
names, logs, registries' messages and errors contain what other people wrote. The output of a script
(``write_bytes``) goes to files and pipes unchanged.

Every command and completion imports this module: what only some output needs is imported then.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypedDict

from scar.cli.formatting import (
    escape_control_characters,
    escape_json,
    escape_lines,
    to_json_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class _WrapOptions(TypedDict):
    break_long_words: bool
    break_on_hyphens: bool


# ANSI escape sequences
_STYLES = {"b": "\033[1m", "f": "\033[2m", "r": "\033[0m"}
_CLEAR_LINE = "\r\033[K"
_GAP, _INDENT = "  ", "    "
_NARROWEST = 24  # columns of a cell whose text is wrapped
# Ids and paths are copied as a whole.
_WHOLE_WORDS: _WrapOptions = {"break_long_words": False, "break_on_hyphens": False}
_CLEAR_SCREEN = "\033[H\033[2J"


class Terminal:
    """Writes the output of commands to ``sys.stdout`` and ``sys.stderr``."""

    def __init__(self) -> None:
        self._progress = False
        # Marks a style of this module in the text of a line. Random: no foreign text can have it.
        self._mark = f"\0{os.urandom(8).hex()}"

    def write_message(self, text: str) -> None:
        """Write a line for people to stderr."""
        self.clear_progress()
        sys.stderr.write(f"{_encodable(escape_lines(text), sys.stderr.encoding)}\n")
        sys.stderr.flush()

    @property
    def shows_progress(self) -> bool:
        """Whether there is a progress line: only if stderr is a terminal."""
        return sys.stderr.isatty()

    def show_progress(self, text: str) -> None:
        """Replace the progress line on stderr; do nothing if stderr is not a terminal.

        Its end is cut to the terminal's width: a line that wraps cannot be replaced.
        """
        if self.shows_progress:
            self._progress = True
            # One column stays free: in the last one, some terminals wrap at once.
            line = escape_control_characters(text)[: max(1, _columns() - 1)]
            sys.stderr.write(f"{_CLEAR_LINE}{_encodable(line, sys.stderr.encoding)}")
            sys.stderr.flush()

    def clear_progress(self) -> None:
        """Remove the progress line, if there is one."""
        if self._progress:
            self._progress = False
            sys.stderr.write(_CLEAR_LINE)

    def clear_screen(self) -> None:
        """Clear the screen; do nothing if stdout is not a terminal."""
        if sys.stdout.isatty():
            sys.stdout.write(_CLEAR_SCREEN)

    def write_data(self, text: str) -> None:
        """Write one line or block of text to stdout; it may have parts in bold or faint type."""
        self.clear_progress()
        if not (text.isascii() and text.isprintable()):  # most lines have nothing to replace
            text = self._make_safe(text)
        sys.stdout.write(f"{text}\n")

    def _make_safe(self, text: str) -> str:
        first, *styled = text.split(self._mark)
        safe = escape_lines(first) + "".join(
            f"{_STYLES[part[0]]}{escape_lines(part[1:])}" for part in styled
        )
        return _encodable(safe, sys.stdout.encoding)

    def flush(self) -> None:
        """Pass on what was written to stdout: before a wait, for readers of a pipe."""
        sys.stdout.flush()

    def write_bytes(self, content: bytes) -> None:
        """Write the output of a script to stdout: unchanged, unless stdout is a terminal."""
        self.clear_progress()
        if sys.stdout.isatty():
            text = escape_lines(content.decode(errors="backslashreplace"))
            sys.stdout.write(_encodable(text, sys.stdout.encoding))
            return
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    def write_json(self, value: object) -> None:
        """Write one JSON document to stdout."""
        import json

        document = json.dumps(value, indent=2, default=to_json_value, ensure_ascii=False)
        self._write_json_text(f"{document}\n")

    def write_json_rows(self, rows: Iterable[object]) -> None:
        """Write a JSON list row by row, so that a list of any length needs little memory."""
        import json

        empty = True
        for row in rows:
            text = json.dumps(row, default=to_json_value, ensure_ascii=False)
            self._write_json_text(f"{'[' if empty else ','}\n  {text}")
            empty = False
        self._write_json_text("[]\n" if empty else "\n]\n")

    def _write_json_text(self, text: str) -> None:
        self.clear_progress()
        sys.stdout.write(escape_json(text, sys.stdout.encoding or "utf-8"))

    def write_table(
        self, head: Sequence[str], rows: Iterable[Sequence[str]], alignment: str = ""
    ) -> None:
        """Write aligned columns; ``alignment`` has one letter, l or r, for each column.

        On a terminal, text in the last column that does not fit continues below, at whole words.
        """
        cells = [tuple(map(escape_control_characters, row)) for row in rows]
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        sides = alignment or "l" * len(head)
        self.write_data(self.bold(_table_line(head, widths, sides)))
        start = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
        for row in cells:
            first, *others = self._wrap_cell(row[-1], start)
            self.write_data(_table_line((*row[:-1], first), widths, sides))
            for line in others:
                self.write_data(line)

    def write_text(self, text: str) -> None:
        """Write one line to stdout; on a terminal it continues below, at whole words."""
        safe = escape_control_characters(text)
        for line in _wrap(safe, _columns()) if _is_terminal() else [safe]:
            self.write_data(line)

    def _wrap_cell(self, text: str, start: int) -> list[str]:
        """Return the text of a cell that begins in column ``start``, and the lines below it."""
        if " " not in text or not _is_terminal():
            return [text]
        width = _columns() - start
        if len(text) <= width:
            return [text]
        if width < _NARROWEST:  # it gets lines of its own
            return ["", *_wrap(f"{_INDENT}{text}", width + start)]
        import textwrap

        first, *others = textwrap.wrap(text, width, **_WHOLE_WORDS)
        return [first, *(f"{'':{start}}{line}" for line in others)]

    def bold(self, text: str) -> str:
        """Return the text in bold type, if stdout shows it."""
        return self._styled(text, "b")

    def faint(self, text: str) -> str:
        """Return the text in faint type, if stdout shows it."""
        return self._styled(text, "f")

    @property
    def shows_styles(self) -> bool:
        """Whether stdout shows bold and faint type: only if it is a terminal."""
        return _is_terminal() and not os.environ.get("NO_COLOR")  # https://no-color.org

    def _styled(self, text: str, style: str) -> str:
        return f"{self._mark}{style}{text}{self._mark}r" if self.shows_styles else text


def _table_line(cells: Sequence[str], widths: Sequence[int], sides: str) -> str:
    aligned = (
        cell.rjust(width) if side == "r" else cell.ljust(width)
        for cell, width, side in zip(cells, widths, sides, strict=True)
    )
    return _GAP.join(aligned).rstrip()


def _wrap(text: str, width: int) -> list[str]:
    """Return lines of whole words; those after the first are indented."""
    import textwrap

    lines = textwrap.wrap(text, max(width, _NARROWEST), subsequent_indent=_INDENT, **_WHOLE_WORDS)
    return lines or [""]


def _columns() -> int:
    """Return the width of the terminal."""
    import shutil

    return shutil.get_terminal_size().columns


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _encodable(text: str, encoding: str | None) -> str:
    """Escape characters that the stream cannot encode, such as half of a surrogate pair."""
    if text.isascii():
        return text
    return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
