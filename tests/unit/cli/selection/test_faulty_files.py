"""Commands for deployed functions, with an FDL file that is no longer valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary
from tests.unit.cli.test_run_script import cow, invoke, scripts

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cow"]

FAULTY = """functions:
  aws:
  - lambda: {name: gray, memori: 5, region: eu-south-2, container: {image: x}}
  - lambda: {name: crop, container: {image: x}}
  - lambda: {name: "${stage}-x", container: {image: x}}
  - lambda: 7
"""


@pytest.mark.parametrize("command", ["rm", "log", "status", "wait", "cancel", "retry --failed"])
def test_the_command_with_the_names_of_the_file_is_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(FAULTY)
    assert run([*command.split(), "-f", str(file)], FakeServices({})) == 3
    name = command.split(maxsplit=1)[0]
    shown = capsys.readouterr().err
    assert "did you mean `memory`?" in shown
    assert f"`scar {name} -n gray -n crop --region eu-south-2`" in shown


@pytest.mark.parametrize("command", ["run", "invoke"])
def test_a_command_for_one_function_is_named_with_one(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(FAULTY)
    arguments = [command, "-f", str(file), "--region", "eu-west-3"]
    assert run(arguments, FakeServices({})) == 3
    assert f"`scar {command} -n gray --region eu-west-3`" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["functions: [", "functions: 5", "x", "- lambda"])
def test_a_file_without_names_has_its_problems_alone(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(content)
    assert run(["rm", "-f", str(file)], FakeServices({})) == 3
    assert "Without the file" not in capsys.readouterr().err


def test_a_deployed_function_runs_without_the_files_of_its_deployment(cow: Path) -> None:
    (cow.parent / "init.sh").unlink()
    assert scripts(invoke("run", "-f", cow).invoked) == ["#!/bin/sh\necho run\n"]
    text = cow.read_text().replace(
        "      init_script", "      extra_payload: gone\n      init_script"
    )
    cow.write_text(text)
    assert len(invoke("run", "-f", cow, "-ib", "photos/in").invoked) == 1
    absent = FakeServices({}, summaries=[function_summary("other")])
    assert run(["run", "-f", str(cow)], absent) == 3
    assert absent.deployed == []


def test_run_needs_its_run_script_unless_another_replaces_it(
    cow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cow.parent / "run.sh").unlink()
    invoke("run", "-f", cow, status=3)
    assert "run.sh cannot be read" in capsys.readouterr().err
    sent = invoke("run", "-f", cow, "-s", cow.parent / "init.sh").invoked
    assert scripts(sent) == ["#!/bin/sh\necho init\n"]
