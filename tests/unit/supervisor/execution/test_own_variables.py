"""The names of scar's own variables: those of each run, and the inputs of the supervisor."""

from __future__ import annotations

import ast
from pathlib import Path

import supervisor
from supervisor.execution import environment
from supervisor.execution.environment import INTERNAL_VARIABLES, RUN_VARIABLES, RunVariables
from supervisor.invocation import HttpRequest
from supervisor.model import ExecutionMode, FunctionConfig

CONFIG = FunctionConfig(name="fn", state_bucket="b", mode=ExecutionMode.BATCH)
FULL = RunVariables(
    run_id="r",
    request_id="q",
    service="batch",
    attempt=1,
    job_number=1,
    event="{}",
    input_dir="/in",
    output_dir="/out",
    input_file="/in/a",
    object_key="a",
    event_time="t",
    deadline=1.0,
    instance_ip="10.0.0.1",
    hostfile="/h",
    trace="Root=1",
    parameters={"x": "1"},
    request=HttpRequest(method="GET", path="/", headers={"x-y": "1"}),
)


def test_the_variables_of_a_run_are_listed() -> None:
    found = environment._run_variables(CONFIG, FULL)
    # Those of query parameters and headers have other names with each request.
    assert found.keys() - {"CONT_VAR_x", "SCAR_HTTP_HEADER_X_Y"} == RUN_VARIABLES


def test_every_variable_of_scar_that_the_supervisor_reads_is_listed() -> None:
    folder = Path(supervisor.__path__[0])
    read = {
        node.value
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("SCAR_")
        and node.value.replace("_", "").isalpha()
    }
    assert {"SCAR_ARRAY_URL", "SCAR_JOB", "SCAR_WORKER_URL", "SCAR_RUN_ID"} < read
    assert read <= INTERNAL_VARIABLES | RUN_VARIABLES | {"SCAR_HTTP_HEADER_"}


def test_no_input_of_the_supervisor_reaches_a_script() -> None:
    process = dict.fromkeys(INTERNAL_VARIABLES, "own") | {"OTHER": "1"}
    script = environment.build_environment(CONFIG, process, FULL)
    assert "own" not in script.values()
    assert script["OTHER"] == "1"
