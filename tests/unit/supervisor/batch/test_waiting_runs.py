"""A run whose submission was throttled until the deadline waits, and is submitted exactly once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.runs.states import MAX_SUBMISSION_WAIT, RunState, derive_state
from supervisor.batch.submission_deadline import RECORD_RESERVE
from supervisor.errors import RecordError, StorageError, SubmissionThrottled
from supervisor.events import response
from supervisor.job_model import BatchTarget, JobOptions
from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome
from supervisor.runs.waiting import WaitingSubmission, parse_waiting
from tests.fakes.object_store import Crash, etag_of
from tests.fakes.supervisor_factory import (
    NOW,
    STATE,
    TIMED_OUT,
    PythonScript,
    SupervisorHarness,
    failed_invocation,
    job_invocation,
    lambda_invocation,
    new_failure_handler,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.job_model import JobRequest
    from supervisor.model import ObjectRef
    from supervisor.results import RunResult

EVENT = notification("in/x", etag=etag_of(b"input"))
THROTTLED = ("SubmissionThrottled", "AWS Batch throttled SubmitJob.")
MODES = (ExecutionMode.BATCH, ExecutionMode.LAMBDA_BATCH)


def records_of(harness: SupervisorHarness) -> dict[str, dict[str, object]]:
    """Return the records of the only run, by name."""
    found = {k: v for k, v in harness.store.keys(STATE).items() if k.startswith("runs/fn/")}
    assert len({key.rpartition("/")[0] for key in found}) <= 1
    return {key.rpartition("/")[2].removesuffix(".json"): json.loads(v) for key, v in found.items()}


def state_of(harness: SupervisorHarness, age: float = 0.0) -> RunState:
    """Return the state of the only run ``age`` seconds from now, as listings show it."""
    written = {
        key.rpartition("/")[2].removesuffix(".json"): stored.last_modified
        for (_, key), (_, stored) in harness.store.objects.items()
        if key.startswith("runs/fn/")
    }
    return derive_state(written, NOW + age)


def a_harness(folder: Path, mode: ExecutionMode = ExecutionMode.BATCH) -> SupervisorHarness:
    harness = new_harness(folder, mode=mode, runner=PythonScript(lambda _task: 137))
    harness.store.clock = lambda: NOW
    harness.store.put("in/x", b"input")
    return harness


def throttled(harness: SupervisorHarness, event: object = EVENT) -> RunResult:
    """Handle the event while Batch throttles; return the result of its only run."""
    harness.submitter.throttled = 1
    return harness.supervisor.handle(lambda_invocation(event)).results[0]


@pytest.mark.parametrize("mode", MODES)
def test_a_throttled_run_waits_and_the_invocation_fails(
    tmp_path: Path, mode: ExecutionMode
) -> None:
    harness = a_harness(tmp_path, mode)
    result = throttled(harness)
    assert result.state is RunOutcome.WAITING
    assert isinstance(result.error, SubmissionThrottled)
    assert set(records_of(harness)) == {"claim", "waiting"}
    assert records_of(harness)["waiting"]["log_stream"] == "stream"
    assert state_of(harness) is RunState.WAITING
    assert state_of(harness, MAX_SUBMISSION_WAIT + 1) is RunState.LOST


@pytest.mark.parametrize("mode", MODES)
def test_lambdas_retry_submits_the_run_at_once(tmp_path: Path, mode: ExecutionMode) -> None:
    harness = a_harness(tmp_path, mode)
    throttled(harness)
    scripts = len(harness.supervisor.runner.tasks)  # type: ignore[attr-defined]
    (result,) = harness.supervisor.handle(lambda_invocation(EVENT)).results
    assert result.state is RunOutcome.SUBMITTED
    assert state_of(harness) is RunState.QUEUED
    assert len(harness.supervisor.runner.tasks) == scripts  # type: ignore[attr-defined]
    (result,) = harness.supervisor.handle(lambda_invocation(EVENT)).results
    assert result.state is RunOutcome.DUPLICATE
    assert len(harness.submitter.submitted) == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_failure_handler_submits_a_waiting_run_once(
    tmp_path: Path, mode: ExecutionMode
) -> None:
    harness = a_harness(tmp_path, mode)
    throttled(harness)
    handler = new_failure_handler(harness)
    (result,) = handler.handle(failed_invocation(EVENT, THROTTLED)).results
    assert result.state is RunOutcome.SUBMITTED
    assert state_of(harness) is RunState.QUEUED
    (result,) = handler.handle(failed_invocation(EVENT, THROTTLED)).results
    assert result.state is RunOutcome.DUPLICATE
    (job,) = harness.submitter.submitted
    job_harness = replace(harness.supervisor, runner=PythonScript(lambda _task: 0))
    (done,) = job_harness.handle(job_invocation(job, harness.store)).results
    assert done.state is RunOutcome.DONE


def test_another_delivery_of_the_event_does_not_submit_a_waiting_run(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    throttled(harness)
    (result,) = harness.supervisor.handle(lambda_invocation(EVENT, request="req-2")).results
    assert result.state is RunOutcome.DUPLICATE
    assert harness.submitter.submitted == []


def test_the_job_of_a_waiting_run_has_the_size_and_cause_of_the_first_attempt(
    tmp_path: Path,
) -> None:
    harness = a_harness(tmp_path, ExecutionMode.LAMBDA_BATCH)
    batch = BatchTarget(queue="q", definition="fn", memory=512, larger=(("2", 4096),))
    config = replace(harness.supervisor.config, memory=1000, batch=batch)
    harness.supervisor = replace(harness.supervisor, config=config)
    throttled(harness)
    new_failure_handler(harness).handle(failed_invocation(EVENT, THROTTLED))
    (job,) = harness.submitter.submitted
    assert (job.vcpus, job.memory) == ("2", 4096)
    assert records_of(harness)["delegated"]["kind"] == "OutOfMemory"


def test_of_an_event_with_several_runs_the_failure_handler_submits_those_that_wait(
    tmp_path: Path,
) -> None:
    harness = a_harness(tmp_path)
    event = notification("in/x", "in/y", "in/z")
    harness.submitter.throttled = 2
    handled = harness.supervisor.handle(lambda_invocation(event))
    assert [r.state.value for r in handled.results] == ["waiting", "waiting", "delegated"]
    error = json.loads(response.build_error(response.find_error(handled)))  # type: ignore[arg-type]
    record = failed_invocation(event, (error["errorType"], error["errorMessage"]))
    results = new_failure_handler(harness).handle(record).results
    assert [r.state.value for r in results] == ["delegated", "delegated", "duplicate"]
    assert len({job.name for job in harness.submitter.submitted}) == 3


@pytest.mark.parametrize("condition", ["EventAgeExceeded", "RecursionDetected", "Dropped"])
def test_a_waiting_run_whose_event_lambda_dropped_has_failed(
    tmp_path: Path, condition: str
) -> None:
    harness = a_harness(tmp_path)
    throttled(harness)
    record = failed_invocation(EVENT, THROTTLED, condition=condition)
    new_failure_handler(harness).handle(record)
    assert harness.submitter.submitted == []
    assert state_of(harness) is RunState.FAILED


def test_the_failure_handler_gives_up_after_lambdas_last_attempt(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    throttled(harness)
    handler = new_failure_handler(harness)
    harness.submitter.throttled = 3
    record = failed_invocation(EVENT, THROTTLED)
    states = []
    for _ in range(3):
        (result,) = handler.handle(record).results
        assert isinstance(result.error, SubmissionThrottled)  # so that Lambda invokes it again
        states.append(state_of(harness))
    assert states == [RunState.WAITING, RunState.WAITING, RunState.FAILED]
    assert records_of(harness)["error"]["kind"] == "SubmissionThrottled"
    # `scar retry` sends the event with a new request id.
    (retried,) = harness.supervisor.handle(lambda_invocation(EVENT, request="req-2")).results
    assert retried.state is RunOutcome.SUBMITTED


def test_a_late_delivery_to_the_failure_handler_submits_a_run_that_it_gave_up(
    tmp_path: Path,
) -> None:
    harness = a_harness(tmp_path)
    throttled(harness)
    handler = new_failure_handler(harness)
    harness.submitter.throttled = 3
    record = failed_invocation(EVENT, THROTTLED)
    for _ in range(3):
        handler.handle(record)
    assert state_of(harness) is RunState.FAILED
    harness.store.clock = lambda: NOW + 60
    assert handler.handle(record).results[0].state is RunOutcome.SUBMITTED
    assert state_of(harness, 60) is RunState.QUEUED


def test_a_run_whose_waiting_could_not_be_recorded_is_submitted_by_the_failure_handler(
    tmp_path: Path,
) -> None:
    harness = a_harness(tmp_path)

    def refuse(method: str, ref: ObjectRef) -> None:
        if method == "write" and ref.key.endswith("waiting.json"):
            raise StorageError("503", remedy="Wait.")

    harness.store.before = refuse
    result = throttled(harness)
    assert isinstance(result.error, SubmissionThrottled)
    assert set(records_of(harness)) == {"claim"}
    (result,) = new_failure_handler(harness).handle(failed_invocation(EVENT, THROTTLED)).results
    assert result.state is RunOutcome.SUBMITTED


def test_the_attempts_of_two_requests_of_the_failure_handler_are_not_added(
    tmp_path: Path,
) -> None:
    waiting = WaitingSubmission(size=JobOptions(vcpus="1", memory=2048))
    for _ in range(2):
        waiting = waiting.after_handler_attempt("a")
    assert not waiting.is_last_attempt
    assert waiting.after_handler_attempt("a").is_last_attempt
    assert not waiting.after_handler_attempt("b").is_last_attempt
    assert waiting.after_handler_attempt("b").size == JobOptions(vcpus="1", memory=2048)


def test_a_sandbox_failure_is_throttled_in_the_failure_handler_too(tmp_path: Path) -> None:
    harness = a_harness(tmp_path, ExecutionMode.LAMBDA_BATCH)
    handler = new_failure_handler(harness)
    harness.submitter.throttled = 1
    handler.handle(failed_invocation(EVENT, TIMED_OUT))
    assert state_of(harness) is RunState.WAITING
    handler.handle(failed_invocation(EVENT, TIMED_OUT))
    assert state_of(harness) is RunState.QUEUED
    assert records_of(harness)["delegated"]["kind"] == "DeadlineExceeded"


def test_without_a_failure_handler_a_throttled_run_has_failed(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    config = replace(harness.supervisor.config, has_failure_handler=False)
    harness.supervisor = replace(harness.supervisor, config=config)
    assert throttled(harness).state is RunOutcome.FAILED
    assert state_of(harness) is RunState.FAILED
    # Lambda's retry, if lambda.retries allows one, has the same id.
    (result,) = harness.supervisor.handle(lambda_invocation(EVENT)).results
    assert result.state is RunOutcome.SUBMITTED


def test_a_throttled_api_request_has_failed_because_its_caller_gets_the_error(
    tmp_path: Path,
) -> None:
    harness = a_harness(tmp_path)
    result = throttled(harness, {"httpMethod": "GET", "headers": {}, "body": None})
    assert result.state is RunOutcome.FAILED
    assert state_of(harness) is RunState.FAILED


def test_a_large_event_of_a_waiting_run_is_stored_for_a_retry(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    event = {"pad": "x" * 70_000}
    throttled(harness, event)
    assert records_of(harness)["event"] == event
    assert state_of(harness) is RunState.WAITING


def test_a_job_whose_state_is_throttled_is_asked_for_by_the_next_attempt(tmp_path: Path) -> None:
    harness = a_harness(tmp_path)
    harness.supervisor.handle(lambda_invocation(EVENT))
    harness.store.clock = lambda: NOW + 100_000
    harness.submitter.throttled = 1
    (result,) = harness.supervisor.handle(lambda_invocation(EVENT, request="req-2")).results
    assert isinstance(result.error, SubmissionThrottled)
    harness.submitter.ended.add("job-1")
    (result,) = harness.supervisor.handle(lambda_invocation(EVENT, request="req-2")).results
    assert result.state is RunOutcome.SUBMITTED


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("handled_before", [False, True])
def test_a_crash_between_any_two_calls_loses_no_waiting_run(
    tmp_path: Path, mode: ExecutionMode, handled_before: bool
) -> None:
    """Lambda reports the crash to the failure handler; the run is submitted once in the end."""
    number = 0
    while True:
        harness = a_harness(tmp_path / str(number), mode)
        handler = new_failure_handler(harness)
        record = failed_invocation(EVENT, THROTTLED)
        if handled_before:
            throttled(harness)
        harness.submitter.throttled = 1
        harness.store.crash_at = len(harness.store.history) + number
        try:
            if handled_before:
                handler.handle(record)
            else:
                harness.supervisor.handle(lambda_invocation(EVENT))
        except Crash:
            crashed = True
        else:
            crashed = False
        harness.store.crash_at, harness.submitter.throttled = None, 0
        error = TIMED_OUT if crashed and not handled_before else THROTTLED
        handler.handle(failed_invocation(EVENT, error))
        assert len(harness.submitter.submitted) == 1
        assert state_of(harness) is RunState.QUEUED
        if not crashed:
            break
        number += 1
    assert number >= 2


def test_the_submitter_gets_the_invocations_deadline_less_a_reserve(tmp_path: Path) -> None:
    class Submitter:
        until: float | None = None

        def submit(self, job: JobRequest, *, until: float | None = None) -> str:
            self.until = until
            return job.name

        def has_ended(self, job: str, *, until: float | None = None) -> bool:
            raise AssertionError(job, until)

        def was_out_of_memory(self, job: str, attempt: int) -> bool:
            raise AssertionError(job, attempt)

    submitter = Submitter()
    harness = a_harness(tmp_path)
    supervisor = replace(harness.supervisor, open_submitter=lambda: submitter)
    supervisor.handle(lambda_invocation(EVENT, seconds=300))
    assert submitter.until == NOW + 300 - RECORD_RESERVE
    handler = replace(new_failure_handler(harness), open_submitter=lambda _target: submitter)
    harness.store.put("in/z", b"input")
    handler.handle(
        replace(
            failed_invocation(notification("in/z", etag=etag_of(b"input")), TIMED_OUT),
            deadline=NOW + 120,
        )
    )
    assert submitter.until == NOW + 120 - RECORD_RESERVE


@pytest.mark.parametrize(
    "record",
    [{"size": 1}, {"size": {"vcpus": "1"}}, {"cause": "x"}, {"attempts": "1"}, {"attempts": True}],
)
def test_a_damaged_waiting_record_is_an_error(record: dict[str, object]) -> None:
    with pytest.raises(RecordError, match="runs/x"):
        parse_waiting(record, "runs/x")
