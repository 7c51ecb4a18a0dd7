"""``scar show``: each value with its source, without credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.aws.model.resources import JobQueue, LambdaFunction
from scar.cli.main import run
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_show_tells_every_value_and_where_it_is_from(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = FakeServices({"SCAR_MEMORY": "256"})
    assert run(["show", "-f", str(minimal_fdl), "-t", "77", "-j"], services) == 0
    shown = capsys.readouterr()
    rows = {
        row["key"]: (row["value"], row["from"])
        for row in json.loads(shown.out)["functions"]["gray"]
    }
    assert rows["lambda.timeout"] == (77, "command line, -t")
    assert rows["lambda.memory"] == (256, "environment, SCAR_MEMORY")
    assert rows["lambda.input[0].path"] == ("in-000000000000", f"{minimal_fdl}:7")
    assert rows["lambda.input[0].suffix"] == ([], "default")
    assert rows["cloudwatch.log_retention_policy_in_days"] == (30, "default")
    assert "${account_id} is shown as 000000000000" in shown.err
    assert services.targets == []


def test_show_hides_values_of_variables_unless_env_is_given(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "-f", str(minimal_fdl)], FakeServices({})) == 0
    assert "hush" not in capsys.readouterr().out
    assert run(["show", "-f", str(minimal_fdl), "--env"], FakeServices({})) == 0
    assert "hush" in capsys.readouterr().out


def test_show_names_the_environment_of_a_queue(capsys: pytest.CaptureFixture[str]) -> None:
    queue = JobQueue(name="scar-1", environments=("scar-2",))
    assert run(["show", "-n", "gray"], FakeServices({}, resources=[queue])) == 0
    assert "scar-2" in capsys.readouterr().out


def test_show_of_a_name_shows_what_is_deployed(capsys: pytest.CaptureFixture[str]) -> None:
    function = LambdaFunction(name="gray", memory=333, environment=(("KEY", "hush"),))
    assert run(["show", "-n", "gray"], FakeServices({}, resources=[function])) == 0
    shown = capsys.readouterr().out
    assert "333" in shown
    assert "hush" not in shown
    assert run(["show", "-n", "gray"], FakeServices({})) == 1


def test_a_file_with_several_functions_shows_the_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.yaml"
    entries = "".join(f"  - lambda: {{name: f{n}, container: {{image: x}}}}\n" for n in "12")
    file.write_text(f"functions:\n  aws:\n{entries}")
    assert run(["show", "-f", str(file), "-n", "f2", "-j"], FakeServices({})) == 0
    assert list(json.loads(capsys.readouterr().out)["functions"]) == ["f2"]
    assert run(["show", "-f", str(file), "-n", "f3"], FakeServices({})) == 2
    assert run(["show", "-f", str(file), "-n", "f2", "-n", "f1", "-j"], FakeServices({})) == 0
    assert list(json.loads(capsys.readouterr().out)["functions"]) == ["f1", "f2"]
    assert run(["show", "-f", str(file), "-n", "f2", "-n", "f3"], FakeServices({})) == 2


def test_show_prints_where_commands_would_connect(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--stage", "dev", "show", "-f", str(minimal_fdl), "-j"]
    assert run(arguments, FakeServices({"SCAR_REGION": "eu-west-3"})) == 0
    where = {row["key"]: row for row in json.loads(capsys.readouterr().out)["where"]}
    assert where["region"]["value"] == "eu-west-3"
    assert where["region"]["from"] == "environment, SCAR_REGION"
    assert where["stage"]["value"] == "dev"
    assert where["profile"]["from"].startswith("the AWS SDK")


def test_show_of_several_names_shows_each(capsys: pytest.CaptureFixture[str]) -> None:
    function = LambdaFunction(name="gray", memory=333)
    services = FakeServices({}, resources=[function])
    assert run(["show", "-n", "gray", "-n", "blue", "-j"], services) == 0
    assert list(json.loads(capsys.readouterr().out)["functions"]) == ["gray", "blue"]
    assert run(["show", "-n", "gray", "-n", "blue"], services) == 0
    assert capsys.readouterr().out.count("333") == 2
    assert run(["show", "-n", "a", "-n", "b", "-i", "x"], services) == 2
