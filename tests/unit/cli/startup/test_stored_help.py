"""``scar --help`` prints a stored text, which is what click would print."""

from __future__ import annotations

from pathlib import Path

import pytest

from scar.cli.main import run
from scar.cli.stored_help import NARROW, WIDE, find_stored_help, path_of
from scar.cli.stored_help.write import format_help
from tests.fakes.services import FakeServices


@pytest.mark.parametrize("columns", [NARROW, WIDE])
def test_the_stored_help_is_that_of_click(columns: int) -> None:
    stored = Path(path_of(columns)).read_text()
    # Written by `python -m scar.cli.stored_help.write`.
    assert stored == format_help(columns)


@pytest.mark.parametrize("columns", ["60", "80", "90", "100", "200", "none", ""])
@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]], ids=" ".join)
def test_help_is_as_wide_as_the_terminal(
    arguments: list[str],
    columns: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run(arguments, FakeServices({})) == 0
    shown = capsys.readouterr().out
    assert shown == format_help(min(int(columns), WIDE) if columns.isdigit() else NARROW)


@pytest.mark.parametrize("arguments", [["put", "--help"], ["--help", "put"], ["help", "put"], []])
def test_every_other_help_is_that_of_click(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert find_stored_help(arguments) is None
