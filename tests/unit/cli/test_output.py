"""Formatting, tables, JSON and progress."""

from __future__ import annotations

import io
import json

import pytest

from scar.cli.formatting import escape_control_characters, format_count, format_size
from scar.cli.output import Terminal


def test_sizes_and_counts_are_for_people() -> None:
    assert [format_size(n) for n in (0, 999, 1500, 2_400_000, 10**13)] == [
        "0 B",
        "999 B",
        "1.5 KB",
        "2.4 MB",
        "10.0 TB",
    ]
    assert (format_count(1, "file"), format_count(2000, "file")) == ("1 file", "2,000 files")


def test_control_characters_are_shown_not_obeyed() -> None:
    assert escape_control_characters("a\x1b[2Jb\tü\n") == "a\\x1b[2Jb\tü\\n"


def test_columns_are_aligned_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().write_table(("A", "BB"), [("xxx", "1"), ("y", "22")], alignment="lr")
    assert capsys.readouterr().out == "A    BB\nxxx   1\ny    22\n"


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": "ü\ud800"}, {"b": 2}]])
def test_rows_are_one_json_list(
    rows: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    Terminal().write_json_rows(rows)
    assert len(json.loads(capsys.readouterr().out)) == len(rows)


def test_progress_is_for_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().show_progress("half")
    assert capsys.readouterr().err == ""


class TerminalStream(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_progress_line_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = TerminalStream()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    assert terminal.shows_progress
    terminal.show_progress("x" * 50)
    assert stream.getvalue() == "\r\x1b[K" + "x" * 19


def test_there_is_no_progress_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert not Terminal().shows_progress
    Terminal().show_progress("x")
    assert capsys.readouterr() == ("", "")
