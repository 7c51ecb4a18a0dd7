"""Notes about SCAR's configuration file: of commands that use its values of functions, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOTE = "scar.cfg: lambda.supervisor.version is accepted, not used: the supervisor is part of scar."
UNKNOWN = "scar.cfg: ignored unknown keys: lambda.frobnicate."
REFUSED = "scar.cfg: batch.region is not used: write the Region in `lambda.region`"
USING = [
    ["init", "-f", "FILE"],
    ["init", "-n", "other", "-i", "debian:12"],
    ["update", "-f", "FILE"],
    ["plan", "-f", "FILE"],
    ["validate", "-f", "FILE"],
    ["show", "-f", "FILE"],
    ["export", "-f", "FILE", "--account", "123456789012"],
]
OTHERS = [
    ["ls"],
    ["run", "-n", "gray"],
    ["invoke", "-n", "gray"],
    ["rm", "-n", "gray", "-y"],
    ["rm", "-f", "FILE", "-y"],
    ["version"],
]


@pytest.fixture
def fdl(tmp_path: Path) -> Path:
    file = tmp_path / "gray.yaml"
    file.write_text("functions: {aws: [{lambda: {name: gray, container: {image: 'debian:12'}}}]}\n")
    return file


def write_config(home: Path) -> FakeServices:
    aws = {
        "lambda": {"supervisor": {"version": "1.5.0"}, "frobnicate": "1"},
        "batch": {"region": "eu-west-3"},
    }
    (home / ".scar").mkdir()
    (home / ".scar" / "scar.cfg").write_text(json.dumps({"aws": aws}))
    return FakeServices({"HOME": str(home)}, summaries=[function_summary()])


def messages(
    fdl: Path, arguments: Sequence[str], services: FakeServices, capsys: pytest.CaptureFixture[str]
) -> str:
    run([str(fdl) if word == "FILE" else word for word in arguments], services)
    return capsys.readouterr().err


@pytest.mark.parametrize("arguments", USING, ids=" ".join)
def test_a_command_that_uses_the_values_names_those_without_effect_once(
    fdl: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = messages(fdl, arguments, write_config(fdl.parent), capsys)
    assert [shown.count(note) for note in (NOTE, UNKNOWN, REFUSED)] == [1, 1, 1], shown


@pytest.mark.parametrize("arguments", OTHERS, ids=" ".join)
def test_other_commands_say_nothing_about_them(
    fdl: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "scar.cfg" not in messages(fdl, arguments, write_config(fdl.parent), capsys)


def test_run_names_them_only_if_it_deploys_the_function(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = write_config(fdl.parent)
    assert NOTE not in messages(fdl, ["run", "-f", "FILE"], services, capsys)
    services.summaries.clear()
    assert messages(fdl, ["run", "-f", "FILE"], services, capsys).count(NOTE) == 1
    assert services.deployed


def test_a_value_that_functions_cannot_have_is_an_error_of_commands_that_use_it(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = write_config(fdl.parent)
    (fdl.parent / ".scar" / "scar.cfg").write_text('{"aws": {"lambda": {"timeout": 9000}}}')
    assert run(["ls"], services) == 0
    assert "timeout" not in capsys.readouterr().err
    assert run(["validate", "-f", str(fdl)], services) != 0
    assert "scar.cfg" in capsys.readouterr().err
