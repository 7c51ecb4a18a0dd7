"""Which of several sources of an environment variable counts for scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scar.aws.compile.function_config import function_config
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.fdl.model import BatchSpec, ContainerSpec
from scar.fdl.model.base import EnvironmentSpec
from supervisor.execution.environment import DEFAULT_PATH, RunVariables, build_environment
from supervisor.model import ExecutionMode, ImageDefaults
from tests.fakes.functions import new_function

if TYPE_CHECKING:
    from supervisor.model import FunctionConfig

RUN = RunVariables(
    run_id="r",
    request_id="q",
    service="batch",
    attempt=1,
    job_number=1,
    event="{}",
    input_dir="/i",
    output_dir="/o",
)
ACCOUNT = Account("123456789012", "eu-west-1")
LEVELS = ("image", "lambda", "container", "batch", "submission")


def a_config(settings: dict[str, dict[str, str]]) -> FunctionConfig:
    variables = {level: EnvironmentSpec(Variables=settings.get(level, {})) for level in LEVELS}
    function = new_function(
        execution_mode=ExecutionMode.BATCH,
        environment=variables["lambda"],
        container=ContainerSpec(image="x", environment=variables["container"]),
        batch=BatchSpec(environment=variables["batch"]),
    )
    image = ImageDefaults(environment=settings.get("image", {}))
    return function_config(function, ACCOUNT, image, VpcNetwork(subnets=("s",)))


def job_variables(settings: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return what Batch starts the container with: a definition has no empty variables."""
    defined = {**settings.get("lambda", {}), **settings.get("batch", {})}
    return {
        **settings.get("image", {}),
        "HOME": "/root",
        "HOSTNAME": "ip-10-0-0-1",
        "AWS_BATCH_JOB_ID": "j",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        **{name: value for name, value in defined.items() if value},
        **settings.get("submission", {}),
    }


@given(st.dictionaries(st.sampled_from(LEVELS), st.sampled_from(("a", "b", "")), min_size=1))
def test_the_highest_source_counts_also_if_values_are_equal(values: dict[str, str]) -> None:
    assume(values.get("submission") != "")
    settings = {level: {"X": value} for level, value in values.items()}
    defined = job_variables({**settings, "submission": {}}).get("X")
    # The one case that the documentation names: a submission that repeats the definition's value.
    if "submission" in values and values["submission"] == defined:
        assume("" not in values.values())
        assume("container" not in values or "batch" in values)
    seen = build_environment(a_config(settings), job_variables(settings), RUN)
    assert seen["X"] == values[max(values, key=LEVELS.index)]


@pytest.mark.parametrize("name", ["HOME", "HOSTNAME", "AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_container_replaces_what_batch_sets(name: str) -> None:
    settings = {"container": {name: "mine"}}
    assert build_environment(a_config(settings), job_variables(settings), RUN)[name] == "mine"


def test_a_path_that_no_image_has_is_the_runtimes() -> None:
    settings = {"container": {"PATH": "/opt/bin:/bin"}}
    started = {**job_variables(settings), "PATH": DEFAULT_PATH}
    assert build_environment(a_config(settings), started, RUN)["PATH"] == "/opt/bin:/bin"
    submitted = {**started, "PATH": "/usr/bin"}
    assert build_environment(a_config(settings), submitted, RUN)["PATH"] == "/usr/bin"


def test_in_lambda_the_container_takes_precedence_over_the_function() -> None:
    settings = {"lambda": {"X": "lambda"}, "container": {"X": "container"}, "batch": {"X": "batch"}}
    run = replace(RUN, service="lambda")
    assert build_environment(a_config(settings), {"X": "lambda"}, run)["X"] == "container"


def test_only_variables_of_several_sources_are_in_the_target() -> None:
    target = a_config({"lambda": {"A": "1", "S": "x"}, "container": {"B": "2"}}).batch
    assert target is not None
    assert (target.overridden, target.batch_variables) == ({}, ())
