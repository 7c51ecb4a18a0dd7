"""Names of commands are completed without click, with what click would write."""

from __future__ import annotations

import pytest

from scar.cli.completion.command_names import complete_command_name
from scar.cli.main import run
from scar.cli.session import Session
from tests.fakes.services import FakeServices


def request(monkeypatch: pytest.MonkeyPatch, instruction: str, words: str, place: int) -> None:
    monkeypatch.setenv("_SCAR_COMPLETE", instruction)
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(place))


@pytest.mark.parametrize("word", ["", "s", "st", "log", "status", "nope"])
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_names_are_those_of_click(
    shell: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scar.cli.completion.shells import answer_request

    request(monkeypatch, f"{shell}_complete", f"scar {word}", 1)
    assert answer_request(Session(services=FakeServices({})), f"{shell}_complete") == 0
    expected = capsys.readouterr().out
    assert run([], FakeServices({})) == 0
    assert capsys.readouterr().out == expected
    assert complete_command_name(f"{shell}_complete") == expected


@pytest.mark.parametrize(
    ("instruction", "words", "place"),
    [
        ("bash_source", "scar st", 1),
        ("fish_complete", "scar st", 1),
        ("bash_complete", "scar put -", 2),
        ("bash_complete", "scar --re", 1),
        ("bash_complete", "scar 'st", 1),
        ("bash_complete", "scar st more", 1),
    ],
)
def test_all_else_is_completed_by_click(
    instruction: str, words: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    request(monkeypatch, instruction, words, place)
    assert complete_command_name(instruction) is None
