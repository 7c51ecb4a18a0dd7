"""``scar init`` and ``scar plan``: what is deployed, and how the plan is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from scar.image.compose.tree_images import build_image
from scar.image.formats.layer import LayerFile
from supervisor.model import ExecutionMode, ImageDefaults
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path


def test_flags_go_over_the_file_and_lists_replace(fdl: Path) -> None:
    services = FakeServices({})
    flags = ["-m", "1024", "-em", "lambda-batch", "-ib", "other/a", "-ib", "other/b", "-e", "A=b=c"]
    assert run(["init", "-f", str(fdl), *flags], services) == 0
    ((function,),) = services.deployed
    assert (function.name, function.lambda_.memory) == ("gray", 1024)
    assert function.lambda_.execution_mode is ExecutionMode.LAMBDA_BATCH
    assert [i.path for i in function.lambda_.input] == ["other/a", "other/b"]
    assert [o.path for o in function.lambda_.output] == ["photos/out"]
    assert function.lambda_.container.environment.Variables == {"A": "b=c"}


def test_a_function_from_flags_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.sh").write_text("#!/bin/sh\n")
    build_image([{"bin/x": LayerFile(b"#!")}], ImageDefaults()).save(tmp_path / "image.tar")
    services = FakeServices({})
    (tmp_path / "extra").mkdir()
    arguments = ["init", "-n", "f", "-if", "image.tar", "-s", "s.sh", "-t", "20", "-le", "XX=1"]
    assert run([*arguments, "-ob", "results", "-ep", "extra"], services) == 0
    ((function,),) = services.deployed
    assert function.lambda_.extra_payload == tmp_path / "extra"
    assert function.lambda_.container.image_file == tmp_path / "image.tar"
    assert function.lambda_.init_script == tmp_path / "s.sh"
    assert function.lambda_.timeout == 20
    assert function.lambda_.environment.Variables == {"XX": "1"}


def test_a_dry_run_shows_the_plan_as_data(fdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services = FakeServices({})
    assert run(["init", "-f", str(fdl), "--dry-run", "--yes"], services) == 0
    assert services.options["dry_run"]
    assert capsys.readouterr().out == "Shared\n  + bucket photos\n1 to create.\n"
    assert run(["init", "-f", str(fdl), "--dry-run", "-j"], services) == 0
    assert json.loads(capsys.readouterr().out)["changes"][0]["action"] == "create"


def test_init_fills_in_the_account_that_it_connects_to(minimal_fdl: Path) -> None:
    services = FakeServices({})
    assert run(["init", "-f", str(minimal_fdl)], services) == 0
    assert services.deployed[0][0].lambda_.input[0].path == "in-123456789012"


def test_flags_of_scar_without_meaning_are_accepted_and_said(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "-f", str(fdl), "-sv", "1.5", "-ph"], FakeServices({})) == 0
    shown = capsys.readouterr().err
    assert "--supervisor-version is accepted, not used: " in shown
    assert "--preheat is accepted, not used: " in shown


def test_plan_is_a_dry_run_whose_status_can_tell_of_changes(fdl: Path) -> None:
    services = FakeServices({})
    assert run(["plan", "-f", str(fdl)], services) == 0
    assert services.options["dry_run"]
    assert run(["plan", "-f", str(fdl), "--detailed-exitcode"], services) == 2


@pytest.mark.parametrize("wrong", [["--no-such-option"], []])
def test_where_two_means_changes_a_wrong_command_line_is_one(wrong: list[str]) -> None:
    assert run(["plan", "--detailed-exitcode", *wrong], FakeServices({})) == 1
    assert run(["plan", *wrong], FakeServices({})) == 2


def test_a_problem_of_an_option_is_reported_with_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["init", "-n", "a-b", "-i", "debian:12", "-ib", "x"]
    assert run(arguments, FakeServices({})) == 3
    shown = capsys.readouterr().err
    assert "the command line has a problem:\n  -ib: " in shown
    assert "from: " not in shown
    assert ":1:1" not in shown


def test_a_problem_of_an_option_over_a_file_names_both(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "-f", str(fdl), "-m", "1"], FakeServices({})) == 3
    shown = capsys.readouterr().err
    assert f"{fdl}:5:" in shown
    assert "(from: command line, -m)" in shown


def test_a_missing_name_has_no_position_without_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["init", "-i", "debian:12"], FakeServices({})) == 3
    assert "  -n NAME: is required and missing" in capsys.readouterr().err


def test_a_broken_rule_between_options_is_reported_without_a_position(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["init", "-n", "a", "-i", "debian:12", "-ib", "photos/in", "-ob", "photos/in"]
    assert run(arguments, FakeServices({})) == 3
    assert ":1:1" not in capsys.readouterr().err


def test_disabled_functions_are_not_deployed_but_named(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fdl.write_text(fdl.read_text().replace("  - lambda:", "  - enabled: false\n    lambda:"))
    services = FakeServices({})
    assert run(["init", "-f", str(fdl)], services) == 0
    assert services.deployed == [()]
    assert services.options["disabled"] == ("gray",)
    shown = capsys.readouterr().err
    assert "gray is disabled: " in shown
    assert "Ready" not in shown
    assert run(["export", "-f", str(fdl)], services) != 0
    assert "All functions of the file are disabled." in capsys.readouterr().err
