"""The trace id of an invocation reaches its script, its job and the job's script, no other run."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.batch.job_request import MAX_OVERRIDES, build_job_request
from supervisor.errors import SupervisorError
from supervisor.invocation import Invocation, RunPath
from supervisor.logs import Log
from supervisor.model import ExecutionMode, ObjectRef
from supervisor.results import InvocationResult
from supervisor.runtime.lambda_loop import NextInvocation, RuntimeApiClient, RuntimeApiError, serve
from supervisor.trace_ids import MAX_TRACE_ID, TRACE_VARIABLE, valid_trace_id
from tests.fakes.object_store import Crash, etag_of
from tests.fakes.supervisor_factory import (
    STATE,
    TIMED_OUT,
    SupervisorHarness,
    failed_invocation,
    job_invocation,
    lambda_invocation,
    new_failure_handler,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRACE = "Root=1-6a0b1c2d-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a87b:1"
OTHER = "Root=1-6a0b1c2e-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0"
SHOW = f'#!/bin/sh\nprintf %s "${{{TRACE_VARIABLE}-none}}"\n'
RUN = RunPath(function="fn", date="2026-09-21", run_id="0" * 32)


class ScriptedRuntimeApi(RuntimeApiClient):
    """Returns the invocations, then ends the loop; connects to nothing."""

    def __init__(self, *invocations: NextInvocation) -> None:
        super().__init__("127.0.0.1:0")
        self.invocations = list(invocations)

    def next_invocation(self) -> NextInvocation:
        if not self.invocations:
            raise RuntimeApiError("no more invocations")
        return self.invocations.pop(0)

    def send_response(self, request_id: str, body: bytes) -> int:
        del request_id, body
        return 202

    def send_error(self, request_id: str, error: SupervisorError) -> int:
        del request_id, error
        return 202


def ignore(line: bytes) -> None:
    del line


def an_invocation(trace: str) -> NextInvocation:
    return NextInvocation("r", None, trace, b"{}")


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the variable, which the loop sets in this process."""
    monkeypatch.setenv(TRACE_VARIABLE, "from before")
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("without", ["", "Root=1\r\nx-injected: 1", "é", "x" * (MAX_TRACE_ID + 1)])
def test_a_warm_sandbox_never_uses_the_trace_id_of_an_earlier_invocation(without: str) -> None:
    seen: list[tuple[str, str | None]] = []

    def handle(invocation: Invocation) -> InvocationResult:
        seen.append((invocation.trace, os.environ.get(TRACE_VARIABLE)))
        if invocation.trace == OTHER:
            raise SupervisorError("failed")
        return InvocationResult()

    traces = (without, TRACE, OTHER, without, TRACE)
    with pytest.raises(RuntimeApiError):
        serve(ScriptedRuntimeApi(*map(an_invocation, traces)), handle, {}, Log(write=ignore))
    expected = [(t, t) if t != without else ("", None) for t in traces]
    assert seen == expected


@pytest.mark.parametrize("trace", [TRACE, ""])
def test_a_script_in_lambda_has_the_trace_id_of_its_invocation(tmp_path: Path, trace: str) -> None:
    harness = new_harness(tmp_path, script=SHOW)
    stale = {**harness.supervisor.environ, TRACE_VARIABLE: OTHER}
    supervisor = replace(harness.supervisor, environ=stale)
    invocation = replace(lambda_invocation({}), trace=trace)
    (result,) = supervisor.handle(invocation).results
    assert result.output.decode() == (trace or "none")


def test_a_job_continues_the_trace_of_the_invocation_that_submitted_it(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH, script=SHOW)
    harness.store.put("in/x", b"input")
    harness.supervisor.handle(replace(lambda_invocation(notification("in/x")), trace=TRACE))
    (job,) = harness.submitter.submitted
    assert job.environment[TRACE_VARIABLE] == TRACE
    invocation = job_invocation(job, harness.store)
    assert invocation.trace == TRACE
    (result,) = harness.supervisor.handle(invocation).results
    assert result.output.decode() == TRACE


def test_a_job_without_a_trace_id_gets_no_variable(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH)
    harness.supervisor.handle(lambda_invocation({}))
    assert TRACE_VARIABLE not in harness.submitter.submitted[0].environment


def killed(folder: Path) -> SupervisorHarness:
    """Return a harness whose sandbox was killed after its run was claimed."""
    harness = new_harness(folder, mode=ExecutionMode.LAMBDA_BATCH)
    harness.store.put("in/x", b"input")
    harness.store.crash_after = 0
    with pytest.raises(Crash):
        harness.supervisor.handle(replace(lambda_invocation(notification("in/x")), trace=TRACE))
    harness.store.crash_after = None
    return harness


def test_the_failure_handler_gives_a_job_the_trace_of_the_failed_invocation(tmp_path: Path) -> None:
    harness = killed(tmp_path)
    failed = replace(failed_invocation(notification("in/x"), TIMED_OUT), trace=OTHER)
    new_failure_handler(harness).handle(failed)
    assert harness.submitter.submitted[0].environment[TRACE_VARIABLE] == TRACE


def test_without_a_claim_the_failure_handler_uses_its_own_trace(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.LAMBDA_BATCH)
    harness.store.put("in/x", b"input")
    failed = failed_invocation(
        notification("in/x", etag=etag_of(b"input")), ("Runtime.ExitError", "exit status 127")
    )
    new_failure_handler(harness).handle(replace(failed, trace=OTHER))
    assert harness.submitter.submitted[0].environment[TRACE_VARIABLE] == OTHER


def test_a_damaged_trace_in_a_claim_is_not_used(tmp_path: Path) -> None:
    harness = killed(tmp_path)
    ((key, text),) = harness.store.keys(STATE).items()
    claim = json.loads(text) | {"trace": "a\r\nb"}
    harness.store.put(key, json.dumps(claim).encode(), bucket=STATE)
    new_failure_handler(harness).handle(
        replace(failed_invocation(notification("in/x"), TIMED_OUT), trace=OTHER)
    )
    assert harness.submitter.submitted[0].environment[TRACE_VARIABLE] == OTHER


@given(st.text(max_size=9000), st.text(max_size=MAX_TRACE_ID + 20))
def test_a_job_with_a_trace_id_stays_within_batchs_limit(event: str, text: str) -> None:
    trace = valid_trace_id(text)
    stored = ObjectRef("s3", "state", RUN.key("event"))
    job = build_job_request(RUN, "r" * 36, event, lambda _: stored, trace=trace)
    items = [{"name": name, "value": value} for name, value in job.environment.items()]
    assert len(json.dumps({"environment": items})) < MAX_OVERRIDES
    assert job.environment.get(TRACE_VARIABLE, "") == trace


@given(st.text())
def test_a_trace_id_is_one_line_of_ascii_or_not_used(text: str) -> None:
    trace = valid_trace_id(text)
    assert trace in ("", text)
    assert all(" " <= character <= "~" for character in trace)
    assert valid_trace_id(TRACE) == TRACE
