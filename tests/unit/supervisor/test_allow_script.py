"""``allow_script: false``: events with their own script or command are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import EventError
from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome
from tests.fakes.object_store import etag_of
from tests.fakes.supervisor_factory import (
    STATE,
    job_invocation,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.supervisor_factory import SupervisorHarness

SCRIPTS: list[dict[str, object]] = [
    {"script": "#!/bin/sh\ntrue"},
    {"script": "IyEvYmluL3NoCnRydWUK"},
    {"script": "true", "cmd_args": ["a"]},
    {"cmd_args": ["true"]},
    {"cmd_args": "true a"},
    {"cmd_args": '["true"]'},
]
# The body of a request is a payload, whatever it contains.
REQUEST = {"rawPath": "/", "requestContext": {"http": {}}, "body": '{"script": "true"}'}
OTHERS: list[object] = [{"a": 1}, [1], "text", {"script": ""}, {"cmd_args": []}, REQUEST]


def closed(folder: Path, mode: ExecutionMode = ExecutionMode.LAMBDA) -> SupervisorHarness:
    harness = new_harness(folder, mode=mode, script="#!/bin/sh\nexit 0\n")
    config = replace(harness.supervisor.config, allow_script=False)
    harness.supervisor = replace(harness.supervisor, config=config)
    return harness


@pytest.mark.parametrize("event", SCRIPTS)
@pytest.mark.parametrize("mode", ExecutionMode)
def test_a_script_is_refused_before_anything_is_recorded(
    tmp_path: Path, event: dict[str, object], mode: ExecutionMode
) -> None:
    harness = closed(tmp_path, mode)
    with pytest.raises(EventError, match=r"accepts neither script nor cmd_args") as caught:
        harness.supervisor.handle(lambda_invocation(event))
    assert "allow_script" in caught.value.remedy
    assert harness.store.keys(STATE) == {}
    assert harness.submitter.submitted == []


def test_a_job_refuses_a_script_that_was_submitted_by_other_means(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH)
    harness.supervisor.handle(lambda_invocation(SCRIPTS[0]))
    (job,) = harness.submitter.submitted
    config = replace(harness.supervisor.config, allow_script=False)
    supervisor = replace(harness.supervisor, config=config)
    with pytest.raises(EventError):
        supervisor.handle(job_invocation(job, harness.store))


@pytest.mark.parametrize("event", OTHERS)
def test_payloads_still_start_the_functions_own_script(tmp_path: Path, event: object) -> None:
    (result,) = closed(tmp_path).supervisor.handle(lambda_invocation(event)).results
    assert result.state is RunOutcome.DONE


def test_objects_still_start_the_function(tmp_path: Path) -> None:
    harness = closed(tmp_path)
    harness.store.put("in/x", b"1")
    event = notification("in/x", etag=etag_of(b"1"))
    (result,) = harness.supervisor.handle(lambda_invocation(event)).results
    assert result.state is RunOutcome.DONE


def test_by_default_scripts_are_accepted(tmp_path: Path) -> None:
    (result,) = new_harness(tmp_path).supervisor.handle(lambda_invocation(SCRIPTS[0])).results
    assert result.state is RunOutcome.DONE
