"""``scar show``: each value with its source, without credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.aws.model.resources import (
    BatchTargetRecord,
    JobDefinition,
    JobQueue,
    LambdaFunction,
)
from scar.cli.main import run
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path


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


def test_show_hides_values_of_variables_unless_they_are_asked_for(
    minimal_fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "-f", str(minimal_fdl)], FakeServices({})) == 0
    assert "hush" not in capsys.readouterr().out
    assert run(["show", "-f", str(minimal_fdl), "--env"], FakeServices({})) == 0
    assert "hush" not in capsys.readouterr().out
    assert run(["show", "-f", str(minimal_fdl), "--secrets"], FakeServices({})) == 0
    assert "hush" in capsys.readouterr().out


VARIABLES = """functions:
  aws:
  - lambda:
      name: envs
      execution_mode: batch
      container:
        image: busybox:1
        environment: {Variables: {OVERRIDDEN: container, OWN: c}}
      environment:
        Variables: {OVERRIDDEN: lambda, GLOBAL: l}
    batch:
      environment:
        Variables: {OVERRIDDEN: batch, JOB: 1234}
"""


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (
            [],
            {
                "GLOBAL": ("l", "lambda.environment, {}:10"),
                "OWN": ("c", "lambda.container.environment, {}:8"),
                "OVERRIDDEN": ("batch", "batch.environment, {}:13"),
                "JOB": ("1234", "batch.environment, {}:13"),
            },
        ),
        (
            ["--site", "lambda"],
            {
                "GLOBAL": ("l", "lambda.environment, {}:10"),
                "OWN": ("c", "lambda.container.environment, {}:8"),
                "OVERRIDDEN": ("container", "lambda.container.environment, {}:8"),
            },
        ),
    ],
)
def test_show_env_has_the_variables_of_scripts_and_the_section_that_counts(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    site: list[str],
    expected: dict[str, tuple[str, str]],
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(VARIABLES)
    arguments = ["show", "-f", str(file), "--env", "--secrets", "-j", *site]
    assert run(arguments, FakeServices({})) == 0
    rows = json.loads(capsys.readouterr().out)["functions"]["envs"]
    found = {row["key"]: (row["value"], row["from"]) for row in rows}
    assert {"AWS_REGION", "AWS_DEFAULT_REGION"} <= found.keys()
    shown = {name: pair for name, pair in found.items() if not name.startswith("AWS_")}
    assert shown == {name: (v, source.format(file)) for name, (v, source) in expected.items()}


@pytest.mark.parametrize("more", [[], ["--secrets"], ["--site", "lambda"]])
def test_show_env_has_secrets_with_where_they_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        VARIABLES.replace(
            "        environment: {",
            "        secrets: {TOKEN: ssm:/token}\n        environment: {",
            1,
        )
    )
    assert run(["show", "-f", str(file), "--env", "-j", *more], FakeServices({})) == 0
    rows = json.loads(capsys.readouterr().out)["functions"]["envs"]
    (row,) = [row for row in rows if row["key"] == "TOKEN"]
    assert row["value"] == "(read from ssm:/token when a run starts)"
    assert row["from"] == f"lambda.container.secrets, {file}:8"


def test_a_site_without_env_is_a_usage_error(minimal_fdl: Path) -> None:
    assert run(["show", "-f", str(minimal_fdl), "--site", "batch"], FakeServices({})) == 2


def test_defaults_of_the_configuration_have_the_lowest_precedence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, file = tmp_path / "config.yaml", tmp_path / "f.yaml"
    config.write_text(
        "defaults: {lambda: {environment: {Variables: {GLOBAL: config, CONFIGURED: config}}}}"
    )
    file.write_text(VARIABLES)
    services = FakeServices({"SCAR_CONFIG": str(config)})
    assert run(["show", "-f", str(file), "--env", "--secrets", "-j"], services) == 0
    rows = json.loads(capsys.readouterr().out)["functions"]["envs"]
    found = {row["key"]: row["value"] for row in rows}
    assert (found["GLOBAL"], found["CONFIGURED"]) == ("l", "config")


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


DEPLOYED = (
    LambdaFunction(name="gray", environment=(("BOTH", "l"), ("KEY", "hush"))),
    JobDefinition(
        name="gray", environment=(("AWS_REGION", "eu-west-1"), ("BOTH", "b"), ("JOB", "hush"))
    ),
)


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("batch", {"AWS_REGION": "eu-west-1", "BOTH": "b", "JOB": "hush"}),
        (
            "lambda",
            {
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_REGION": "eu-west-1",
                "BOTH": "l",
                "KEY": "hush",
            },
        ),
    ],
)
def test_show_of_a_name_and_a_site_has_the_variables_there(
    site: str, expected: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["show", "-n", "gray", "--env", "--site", site]
    services = FakeServices({}, resources=[*DEPLOYED])
    assert run([*arguments, "--secrets", "-j"], services) == 0
    rows = json.loads(capsys.readouterr().out)["functions"]["gray"]
    assert {row["key"]: row["value"] for row in rows} == expected
    assert run(arguments, services) == 0
    shown = capsys.readouterr()
    assert "BOTH" in shown.out
    assert "hush" not in shown.out
    assert "container.environment are in the image" in shown.err


def test_a_function_in_lambda_alone_has_no_variables_of_jobs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    services = FakeServices({}, resources=[DEPLOYED[0]])
    assert run(["show", "-n", "gray", "--env", "--site", "batch"], services) == 2
    assert "gray has no part in AWS Batch" in capsys.readouterr().err


def test_a_document_has_a_row_for_each_member(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"batch": {"queue": "q", "queues": {}}, "note": "{no json", "x": [1, {"y": 2}]}
    record = BatchTargetRecord(name="gray", bucket="b", text=json.dumps(document))
    assert run(["show", "-n", "gray"], FakeServices({}, resources=[record])) == 0
    rows = [line.split(maxsplit=3)[2:] for line in capsys.readouterr().out.splitlines()]
    assert rows[2:] == [
        ["text.batch.queue", "q"],
        ["text.batch.queues", "{}"],
        ["text.note", "{no json"],
        ["text.x", '[1, {"y": 2}]'],
    ]


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
