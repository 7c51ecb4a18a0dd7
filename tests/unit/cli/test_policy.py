"""``scar policy``: without credentials, for a file or for everything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.cli.main import run
from tests.fakes.world import FakeWorld

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_policy_for_everything_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld({})
    assert run(["policy", "--all-features"], world) == 0
    assert json.loads(capsys.readouterr().out)["Version"] == "2012-10-17"
    assert world.targets == []


def test_a_policy_for_a_file_names_its_functions_account_and_region(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda: {name: gray, container: {image: x}, region: cn-north-1}\n"
    )
    assert run(["policy", "-f", str(file), "--account", "123456789012"], FakeWorld({})) == 0
    shown = capsys.readouterr().out
    assert "arn:aws-cn:lambda:cn-north-1:123456789012:function:gray" in shown


def test_a_policy_that_is_too_long_is_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = "".join(
        f"  - lambda: {{name: function-{n}, container: {{image: x}}}}\n" for n in range(30)
    )
    (tmp_path / "f.yaml").write_text(f"functions:\n  aws:\n{entries}")
    assert run(["policy", "-f", str(tmp_path / "f.yaml")], FakeWorld({})) == 0
    assert "a managed policy takes 6144" in capsys.readouterr().err
