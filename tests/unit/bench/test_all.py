"""``python -m bench.all`` refuses arguments before it measures anything."""

from __future__ import annotations

import sys

import pytest

from bench.all import main


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-o", "/no/such/folder/RESULTS.md"], "cannot write to the folder /no/such/folder"),
        (["status", "stat"], "no row stat"),
    ],
    ids=["folder", "row"],
)
def test_a_mistake_is_named_before_a_row_is_measured(
    arguments: list[str],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.all", "--quick", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
