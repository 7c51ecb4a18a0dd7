"""``EXTRA_PAYLOAD`` and ``CONTEXT``, which scripts written for SCAR read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.execution.environment import build_environment
from supervisor.invocation import RunOwner
from supervisor.model import ComputeService, ExecutionMode, FunctionConfig, ImageDefaults
from tests.fakes.supervisor_factory import (
    PythonScript,
    lambda_invocation,
    new_harness,
    notification,
)
from tests.unit.supervisor.execution.test_own_variables import FULL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG = FunctionConfig(name="fn", state_bucket="b", mode=ExecutionMode.BATCH, memory=512)
NAMES = ("EXTRA_PAYLOAD", "CONTEXT")


def script_environment(
    tmp_path: Path, *, extra_payload: bool, in_batch: bool = False
) -> Mapping[str, str]:
    script = PythonScript(lambda _: 0)
    harness = new_harness(tmp_path, runner=script)
    config = replace(harness.supervisor.config, extra_payload=extra_payload, memory=512)
    harness.supervisor = replace(harness.supervisor, config=config)
    harness.store.put("in/x", b"1")
    invocation = lambda_invocation(notification("in/x"))
    if in_batch:
        owner = RunOwner(site=ComputeService.BATCH, request="req", job="j-1")
        invocation = replace(invocation, owner=owner, deadline=None)
    harness.supervisor.handle(replace(invocation, log_group="/g", log_stream="s"))
    return script.tasks[0].environment


def test_scripts_find_the_extra_payload(tmp_path: Path) -> None:
    found = script_environment(tmp_path, extra_payload=True)
    assert found["EXTRA_PAYLOAD"] == str(tmp_path / "home" / "function")
    assert "CONTEXT" not in found


def test_without_files_of_the_user_the_variable_is_not_set(tmp_path: Path) -> None:
    assert "EXTRA_PAYLOAD" not in script_environment(tmp_path, extra_payload=False)


def test_scripts_of_jobs_have_the_context_that_scar_passed_to_them(tmp_path: Path) -> None:
    found = script_environment(tmp_path, extra_payload=False, in_batch=True)
    context = json.loads(found["CONTEXT"])
    assert context == {
        "function_name": "fn",
        "memory_limit_in_mb": 512,
        "aws_request_id": "req",
        "log_group_name": "/g",
        "log_stream_name": "s",
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_the_image_or_the_function_sets_counts(name: str) -> None:
    run = replace(FULL, extra_payload="/opt/scar/function")
    own = {name: "own"}
    for config in (
        replace(CONFIG, image=ImageDefaults(environment=own)),
        replace(CONFIG, environment=own),
    ):
        assert build_environment(config, {}, run)[name] == "own"
    assert build_environment(CONFIG, own, run)[name] == "own"
