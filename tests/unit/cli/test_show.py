"""``show``, ``validate`` and ``schema``: no credentials are needed, none are asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.aws.resources import JobQueue, LambdaFunction
from scar.cli.main import run
from tests.fakes.services import FakeWorld

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fdl(tmp_path: Path) -> Path:
    file = tmp_path / "f.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      container: {image: x}\n"
        "      environment: {Variables: {KEY: hush}}\n      input: [{path: 'in-${account_id}'}]\n"
    )
    return file


def test_show_tells_every_value_and_where_it_is_from(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = FakeWorld({"SCAR_MEMORY": "256"})
    assert run(["show", "-f", str(fdl), "-t", "77", "-j"], world) == 0
    shown = capsys.readouterr()
    rows = {
        row["key"]: (row["value"], row["from"])
        for row in json.loads(shown.out)["functions"]["gray"]
    }
    assert rows["lambda.timeout"] == (77, "command line")
    assert rows["lambda.memory"] == (256, "environment, SCAR_MEMORY")
    assert rows["lambda.input[0].path"] == ("in-000000000000", f"{fdl}:7")
    assert rows["lambda.input[0].suffix"] == ([], "default")
    assert rows["cloudwatch.log_retention_policy_in_days"] == (30, "default")
    assert "${account_id} is shown as 000000000000" in shown.err
    assert world.targets == []


def test_show_hides_values_of_variables_unless_env_is_given(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "-f", str(fdl)], FakeWorld({})) == 0
    assert "hush" not in capsys.readouterr().out
    assert run(["show", "-f", str(fdl), "--env"], FakeWorld({})) == 0
    assert "hush" in capsys.readouterr().out


def test_show_names_the_environment_of_a_queue(capsys: pytest.CaptureFixture[str]) -> None:
    queue = JobQueue(name="scar-1", environment="scar-2")
    assert run(["show", "-n", "gray"], FakeWorld({}, parts=[queue])) == 0
    assert "scar-2" in capsys.readouterr().out


def test_show_of_a_name_shows_what_is_deployed(capsys: pytest.CaptureFixture[str]) -> None:
    function = LambdaFunction(name="gray", memory=333, environment=(("KEY", "hush"),))
    assert run(["show", "-n", "gray"], FakeWorld({}, parts=[function])) == 0
    shown = capsys.readouterr().out
    assert "333" in shown
    assert "hush" not in shown
    assert run(["show", "-n", "gray"], FakeWorld({})) == 1


def test_a_file_with_several_functions_shows_the_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.yaml"
    entries = "".join(f"  - lambda: {{name: f{n}, container: {{image: x}}}}\n" for n in "12")
    file.write_text(f"functions:\n  aws:\n{entries}")
    assert run(["show", "-f", str(file), "-n", "f2", "-j"], FakeWorld({})) == 0
    assert list(json.loads(capsys.readouterr().out)["functions"]) == ["f2"]
    assert run(["show", "-f", str(file), "-n", "f3"], FakeWorld({})) == 2


def test_validate_tells_all_faults_with_their_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      memroy: 1\n"
        "      init_script: nowhere.sh\n      container: {image: x}\n"
    )
    world = FakeWorld({})
    assert run(["validate", "-f", str(file), "-j"], world) == 3
    shown = json.loads(capsys.readouterr().out)
    assert [(f["line"], f["key"]) for f in shown["faults"]] == [
        (5, "functions.aws[0].lambda.memroy"),
        (6, "functions.aws[0].lambda.init_script"),
    ]
    assert not shown["valid"]
    assert world.targets == []


def test_validate_finds_what_any_account_would_refuse(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fdl.write_text(fdl.read_text() + "    iam: {create: false}\n")
    assert run(["validate", "-f", str(fdl)], FakeWorld({})) == 3
    assert "iam.create is false" in capsys.readouterr().err


def test_validate_is_content_with_a_sound_file(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "-f", str(fdl)], FakeWorld({})) == 0
    assert "no faults in 1 function" in capsys.readouterr().err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"], FakeWorld({})) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["functions"]


def test_init_fills_in_the_account_that_it_connects_to(fdl: Path) -> None:
    world = FakeWorld({})
    assert run(["init", "-f", str(fdl)], world) == 0
    assert world.deployed[0][0].inputs[0].path == "in-123456789012"


def test_the_order_of_where_to_work(fdl: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("region: r-config\nprofile: p-config\nendpoint_url: http://c\n")
    environment = {"SCAR_CONFIG": str(config)}

    def region(arguments: list[str], environment: dict[str, str], text: str = "") -> str:
        world = FakeWorld(environment)
        file = tmp_path / "g.yaml"
        file.write_text(fdl.read_text().replace("      name", f"{text}      name"))
        assert run([*arguments, "init", "-f", str(file)], world) == 0
        assert world.targets[0].endpoint_url == "http://c"
        return world.targets[0].region

    own = "      region: r-file\n"
    assert region([], environment) == "r-config"
    assert region([], environment, own) == "r-file"
    assert region([], environment | {"SCAR_REGION": "r-env"}, own) == "r-env"
    assert region(["--region", "r-cli"], environment | {"SCAR_REGION": "r-env"}, own) == "r-cli"


def test_credentials_of_another_account_than_configured_are_refused(
    fdl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("stages: {prod: {account_id: '999999999999'}, dev: {}}\n")
    environment = {"SCAR_CONFIG": str(config)}
    world = FakeWorld(environment)
    assert run(["--stage", "prod", "init", "-f", str(fdl)], world) == 4
    assert "account 123456789012; the configuration names 999999999999" in capsys.readouterr().err
    assert world.deployed == []
    assert run(["init", "-f", str(fdl), "--stage", "dev"], FakeWorld(environment)) == 0


def test_show_says_where_commands_would_go(fdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--stage", "dev", "show", "-f", str(fdl), "-j"]
    assert run(arguments, FakeWorld({"SCAR_REGION": "eu-west-3"})) == 0
    where = {row["key"]: row for row in json.loads(capsys.readouterr().out)["where"]}
    assert where["region"]["value"] == "eu-west-3"
    assert where["region"]["from"] == "environment, SCAR_REGION"
    assert where["stage"]["value"] == "dev"
    assert where["profile"]["from"].startswith("left to the SDK")
