"""Formatting, tables, JSON and progress; what other people wrote cannot control the terminal."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.cli.formatting import (
    escape_control_characters,
    escape_json,
    format_count,
    format_size,
)
from scar.cli.main import run
from scar.cli.output import Terminal
from scar.errors import ScarError
from tests.calls import count_calls
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from collections.abc import Callable

# Names and messages of other people: any characters, and many of those that terminals obey.
HOSTILE = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(
            "\x00\x07\x08\r\x0c\x1b[]2J;\x7f\x80\x9b\x9d\u200b\u202e\u2066\u2028\ufeff"
        ),
    ),
    min_size=1,
)
# ECMA-48: select graphic rendition, the only sequences that scar itself writes; and \r\033[K, which
# clears the progress line.
OWN_SEQUENCES = re.compile(r"\x1b\[[012]m|\r\x1b\[K")


class Screen(io.StringIO):
    """A terminal that records what is written to it."""

    def isatty(self) -> bool:
        return True


def written(write: Callable[[Terminal], object]) -> str:
    """Return what a terminal receives."""
    screen = Screen()
    with redirect_stdout(screen), redirect_stderr(screen):
        write(Terminal())
    return screen.getvalue()


def assert_harmless(text: str, *, own: bool = False) -> None:
    rest = OWN_SEQUENCES.sub("", text) if own else text
    assert all(c.isprintable() or c in "\n\t" for c in rest), ascii(text)


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


@given(HOSTILE, st.sampled_from(["", "\t", "\t\n"]))
def test_each_character_is_escaped_or_kept(text: str, keep: str) -> None:
    escaped = [c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text]
    assert escape_control_characters(text, keep) == "".join(escaped)


@given(HOSTILE, st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_json_has_the_same_value_in_every_encoding(text: str, encoding: str) -> None:
    escaped = escape_json(json.dumps({text: [text]}, indent=2, ensure_ascii=False), encoding)
    assert json.loads(escaped.encode(encoding).decode(encoding)) == {text: [text]}
    assert all(c.isprintable() or c == "\n" for c in escaped)


@pytest.mark.parametrize("text", ["a\tb", "größe\t1", "a\nb"])
def test_what_is_kept_costs_nothing_for_each_character(text: str) -> None:
    calls = [
        count_calls(partial(escape_control_characters, text * times, "\t\n")) for times in (1, 100)
    ]
    assert calls[0] == calls[1]


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


@given(HOSTILE)
def test_nothing_that_is_printed_controls_the_terminal(text: str) -> None:
    assert_harmless(written(lambda terminal: terminal.write_message(text)))
    assert_harmless(written(lambda terminal: terminal.write_data(text)))
    assert_harmless(written(lambda terminal: terminal.write_json({text: [text]})))
    assert_harmless(written(lambda terminal: terminal.write_json_rows([text, {text: text}])))
    assert_harmless(written(lambda terminal: terminal.show_progress(text)), own=True)
    assert_harmless(written(lambda terminal: terminal.write_table((text,), [(text,)])), own=True)
    assert_harmless(written(lambda terminal: terminal.write_data(terminal.bold(text))), own=True)


@given(HOSTILE)
def test_only_styles_of_scar_itself_are_written(text: str) -> None:
    foreign = f"\x1b[1m{text}\x1b[0m\0b"
    shown = written(lambda terminal: terminal.write_data(f"{terminal.faint(foreign)}{foreign}"))
    assert shown.startswith("\x1b[2m")
    assert shown.count("\x1b") == 2


@given(
    st.recursive(
        HOSTILE | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner)
    )
)
def test_json_has_the_same_value_after_escaping(value: object) -> None:
    assert json.loads(written(lambda terminal: terminal.write_json(value))) == value
    assert json.loads(written(lambda terminal: terminal.write_json_rows([value]))) == [value]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_valid_in_every_encoding(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    value = {"name": "ü→\udc80\x9b😀"}
    with redirect_stdout(stream):
        Terminal().write_json(value)
        Terminal().write_json_rows([value])
    decoder, text = json.JSONDecoder(), raw.getvalue().decode(encoding)
    first, end = decoder.raw_decode(text)
    assert (first, json.loads(text[end:])) == (value, [value])


@given(HOSTILE)
def test_errors_do_not_control_the_terminal(text: str) -> None:
    for error in (ScarError(text, remedy=text), OSError(5, text), RuntimeError(text)):
        for command in (["ls"], ["--debug", "ls"]):
            screen = Screen()
            with redirect_stderr(screen):
                assert run(command, FakeServices({}, error=error)) != 0
            assert_harmless(screen.getvalue())


@given(HOSTILE.filter(lambda text: not text.startswith("-")))
def test_usage_errors_do_not_control_the_terminal(text: str) -> None:
    for command in ([text], ["ls", text], ["ls", f"--{text}"], ["run", "-n", text, "-s", text]):
        screen = Screen()
        with redirect_stderr(screen):
            run(command, FakeServices({}))
        assert_harmless(screen.getvalue())


@given(HOSTILE)
def test_names_of_functions_do_not_control_the_terminal(text: str) -> None:
    services = FakeServices({}, summaries=[function_summary(text, image=text)])
    for command in (["ls"], ["ls", "-j"]):
        screen = Screen()
        with redirect_stdout(screen), redirect_stderr(screen):
            assert run(command, services) == 0
        assert_harmless(screen.getvalue(), own=True)


def test_a_progress_line_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Screen()
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


@given(st.binary())
def test_the_output_of_a_script_does_not_control_the_terminal(content: bytes) -> None:
    assert_harmless(written(lambda terminal: terminal.write_bytes(content)))


def test_the_output_of_a_script_goes_to_a_pipe_unchanged() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    with redirect_stdout(stream):
        Terminal().write_bytes(b"\x1b[31m\xff\x00")
    assert raw.getvalue() == b"\x1b[31m\xff\x00"


@pytest.mark.parametrize(("columns", "inside"), [(60, True), (34, False), (200, True)])
def test_text_in_the_last_column_continues_below_at_whole_words(
    monkeypatch: pytest.MonkeyPatch, columns: int, inside: bool
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    words = "7 RUNNABLE since yesterday: no instance-type is large enough for the job"
    rows = [("genomes", "running", words), ("short", "done", "")]
    shown = written(lambda t: t.write_table(("FUNCTION", "STATE", "WHY"), rows)).splitlines()
    assert all(len(line) <= columns for line in shown)
    assert " ".join(" ".join(shown[1:-1]).split()) == f"genomes running {words}"
    assert shown[1].endswith("running") is not inside
    assert shown[-1].split() == ["short", "done"]
    lines = written(lambda t: t.write_text(words)).splitlines()
    assert all(len(line) <= columns for line in lines)
    assert " ".join(" ".join(lines).split()) == words


def test_nothing_is_wrapped_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    words = "word " * 99
    Terminal().write_table(("A",), [(words,)])
    Terminal().write_text(words)
    assert [len(line) for line in capsys.readouterr().out.splitlines()] == [1, 494, 495]
