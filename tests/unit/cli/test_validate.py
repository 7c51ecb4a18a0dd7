"""``scar validate`` and ``scar schema``: they work without an account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path


def test_validate_tells_all_faults_with_their_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      memroy: 1\n"
        "      init_script: nowhere.sh\n      container: {image: x}\n"
    )
    services = FakeServices({})
    assert run(["validate", "-f", str(file), "-j"], services) == 3
    shown = json.loads(capsys.readouterr().out)
    assert [(f["line"], f["key"]) for f in shown["faults"]] == [
        (5, "functions.aws[0].lambda.memroy"),
        (6, "functions.aws[0].lambda.init_script"),
    ]
    assert not shown["valid"]
    assert services.targets == []


def test_validate_finds_what_any_account_would_refuse(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minimal_fdl.write_text(minimal_fdl.read_text() + "    iam: {create: false}\n")
    assert run(["validate", "-f", str(minimal_fdl)], FakeServices({})) == 3
    assert "iam.create is false" in capsys.readouterr().err


def test_validate_is_content_with_a_sound_file(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "-f", str(minimal_fdl)], FakeServices({})) == 0
    assert "no problems in 1 function" in capsys.readouterr().err


def test_validate_warns_of_what_is_valid_and_costs_more(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = minimal_fdl.read_text().replace("name: gray", "execution_mode: batch\n      name: gray")
    batch = "    batch: {compute_resources: {preset: spot, instance_types: [c6i]}}\n"
    minimal_fdl.write_text(text + batch)
    assert run(["validate", "-f", str(minimal_fdl)], FakeServices({})) == 0
    shown = capsys.readouterr().err
    assert "Warning: " in shown
    assert "c6i only" in shown
    assert run(["validate", "-f", str(minimal_fdl), "-j"], FakeServices({})) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["valid"]
    assert len(found["warnings"]) == 1


RAW = """\
    batch:
      container_properties:
        linuxParameters: {initProcessEnabled: true}
        privileged: true
      compute_resources: {max_v_cpus: 16}
"""


@pytest.mark.parametrize(
    "nodes", ["", "      multi_node_parallel: {enabled: true, number_nodes: 2}\n"]
)
def test_what_the_local_cloud_does_not_emulate_is_a_problem_of_its_line(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str], nodes: str
) -> None:
    text = minimal_fdl.read_text().replace("name: gray", "execution_mode: batch\n      name: gray")
    minimal_fdl.write_text(f"{text}{RAW}{nodes}")
    assert run(["validate", "-f", str(minimal_fdl)], FakeServices({})) == 0
    capsys.readouterr()
    for arguments in (["validate"], ["plan"], ["init", "-y"]):
        services = FakeServices({})
        assert run(["--local", *arguments, "-f", str(minimal_fdl)], services) == 3
        assert services.targets == []
        shown = capsys.readouterr().err
        assert (
            f"{minimal_fdl}:11:27: functions.aws[0].batch.container_properties.linuxParameters"
            ".initProcessEnabled: the local cloud does not emulate "
        ) in shown
        assert f"{minimal_fdl}:12:9: " in shown
        assert "Omit these keys for the local cloud" in shown
    assert run(["--local", "validate", "-f", str(minimal_fdl), "-j"], FakeServices({})) == 3
    found = json.loads(capsys.readouterr().out)["faults"]
    assert [(f["line"], f["column"]) for f in found] == [(11, 27), (12, 9)]


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"], FakeServices({})) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["functions"]


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_has_a_remedy_of_its_own(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "-f", str(tmp_path / name)], FakeServices({})) == 3
    printed = capsys.readouterr().err
    assert "Check the path after -f" in printed
    assert "scar schema" not in printed
