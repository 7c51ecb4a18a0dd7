"""Names of commands and options are completed without click, with what click would write."""

from __future__ import annotations

from pathlib import Path

import pytest

from scar.cli.completion.stored_names import complete_stored_name
from scar.cli.main import run
from scar.cli.session import Session
from scar.cli.stored_help import OPTIONS
from scar.cli.stored_help.write import format_options, walk_commands
from tests.fakes.services import FakeServices

COMMAND_LINES = [" ".join(words) for words, _ in walk_commands()]


def request(monkeypatch: pytest.MonkeyPatch, instruction: str, words: str, place: int) -> None:
    monkeypatch.setenv("_SCAR_COMPLETE", instruction)
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(place))


def test_the_stored_options_are_those_of_the_commands() -> None:
    # Written by `python -m scar.cli.stored_help.write`.
    assert Path(OPTIONS).read_text() == format_options()


@pytest.mark.parametrize(
    "words",
    [
        *("", "s", "st", "log", "status", "nope", "run --a", "job ls -", "init --nope"),
        *(f"{command} --" for command in COMMAND_LINES),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_names_are_those_of_click(
    shell: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scar.cli.completion.shells import answer_request

    request(monkeypatch, f"{shell}_complete", f"scar {words}", len(words.split()) or 1)
    assert answer_request(Session(services=FakeServices({})), f"{shell}_complete") == 0
    expected = capsys.readouterr().out
    assert run([], FakeServices({})) == 0
    assert capsys.readouterr().out == expected
    assert complete_stored_name(f"{shell}_complete") == expected


@pytest.mark.parametrize(
    ("instruction", "words", "place"),
    [
        ("bash_source", "scar st", 1),
        ("fish_complete", "scar st", 1),
        ("bash_complete", "scar put --debug -", 3),
        ("bash_complete", "scar --local put -", 3),
        ("bash_complete", "scar nope -", 2),
        ("bash_complete", "scar put --sse=", 2),
        ("bash_complete", "scar put -b", 1),
        ("bash_complete", "scar put", 2),
        ("bash_complete", "scar --re", 1),
        ("bash_complete", "scar 'st", 1),
        ("bash_complete", "scar st more", 1),
    ],
)
def test_all_else_is_completed_by_click(
    instruction: str, words: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    request(monkeypatch, instruction, words, place)
    assert complete_stored_name(instruction) is None
