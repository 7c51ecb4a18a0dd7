"""A run whose job cannot have what its event requests is recorded as failed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome
from tests.fakes.supervisor_factory import STATE, lambda_invocation, new_harness, notification

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("event", [notification("in/x"), {"script": "#!/bin/sh"}, {"a": 1}])
@pytest.mark.parametrize(
    ("mode", "allow", "options", "problem"),
    [
        (ExecutionMode.BATCH, True, {"timeout": 2**31}, "scar_job.timeout is not an integer"),
        (ExecutionMode.LAMBDA_BATCH, True, {"vcpus": "nan"}, "scar_job.vcpus is not"),
        (ExecutionMode.LAMBDA, True, {"vcpus": "nan"}, "scar_job.vcpus is not"),
        (ExecutionMode.BATCH, True, {"memory": 4096}, "run `scar init` again"),
        (ExecutionMode.LAMBDA, True, {"memory": 4096}, "runs in Lambda only"),
        (ExecutionMode.BATCH, False, {"memory": 4096}, "does not accept them"),
    ],
)
def test_a_refused_run_is_recorded_with_its_event(
    tmp_path: Path,
    event: dict[str, object],
    mode: ExecutionMode,
    options: dict[str, object],
    problem: str,
    *,
    allow: bool,
) -> None:
    if not allow:
        event = {"a": 1}  # scripts are refused before the options
    harness = new_harness(tmp_path, mode=mode)
    config = replace(harness.supervisor.config, allow_script=allow)
    supervisor = replace(harness.supervisor, config=config)
    requested = {**event, "scar_job": options}
    (result,) = supervisor.handle(lambda_invocation(requested)).results
    assert result.state is RunOutcome.FAILED
    assert problem in str(result.error)
    assert harness.submitter.submitted == []
    records = {k.rpartition("/")[2]: v for k, v in harness.store.keys(STATE).items()}
    assert problem in json.loads(records["error.json"])["problem"]
    assert json.loads(json.loads(records["claim.json"])["event"])["scar_job"] == options
