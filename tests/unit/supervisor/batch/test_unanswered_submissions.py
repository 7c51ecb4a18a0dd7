"""A run whose SubmitJob was not answered waits; whether or not there is a job, one continues it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.runs.states import MAX_SUBMISSION_WAIT, RunState
from supervisor.errors import StorageError, SubmissionError, SubmissionUnanswered
from supervisor.events import response
from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome
from tests.fakes.supervisor_factory import (
    NOW,
    TIMED_OUT,
    PythonScript,
    SupervisorHarness,
    failed_invocation,
    job_invocation,
    lambda_invocation,
    new_failure_handler,
)
from tests.unit.supervisor.batch.test_waiting_runs import (
    EVENT,
    MODES,
    a_harness,
    records_of,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supervisor.job_model import JobRequest
    from supervisor.model import ObjectRef
    from supervisor.results import RunResult

UNANSWERED = ("SubmissionUnanswered", "It is not known whether Batch accepted the job.")
MADE = (True, False)


def unanswered(harness: SupervisorHarness, *, made: bool, event: object = EVENT) -> RunResult:
    """Handle the event; the response to its SubmitJob is lost."""
    harness.submitter.lost = [made]
    return harness.supervisor.handle(lambda_invocation(event)).results[0]


def start_job(harness: SupervisorHarness, number: int, status: int = 0) -> RunResult:
    """Run a submitted job, counted from 1, with a script that ends with this status."""
    supervisor = replace(harness.supervisor, runner=PythonScript(lambda _task: status))
    job = harness.submitter.submitted[number - 1]
    invocation = job_invocation(job, harness.store, number=f"job-{number}")
    return supervisor.handle(invocation).results[0]


def retry(harness: SupervisorHarness) -> RunResult:
    """Deliver the event again, as Lambda does."""
    return harness.supervisor.handle(lambda_invocation(EVENT)).results[0]


def hand_on(harness: SupervisorHarness) -> RunResult:
    """Invoke the failure handler with the record of the invocation."""
    record = failed_invocation(EVENT, UNANSWERED)
    return new_failure_handler(harness).handle(record).results[0]


NEXT_ATTEMPTS = (retry, hand_on)


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("mode", MODES)
def test_an_unanswered_run_waits_and_the_invocation_fails(
    tmp_path: Path, mode: ExecutionMode, made: bool
) -> None:
    harness = a_harness(tmp_path, mode)
    result = unanswered(harness, made=made)
    assert result.state is RunOutcome.WAITING
    assert json.loads(response.build_error(result.error))["errorType"] == UNANSWERED[0]  # type: ignore[arg-type]
    assert set(records_of(harness)) == {"claim", "waiting"}
    assert records_of(harness)["waiting"]["kind"] == UNANSWERED[0]
    assert records_of(harness)["waiting"]["problem"] == UNANSWERED[1]
    assert state_of(harness) is RunState.WAITING
    assert state_of(harness, MAX_SUBMISSION_WAIT + 1) is RunState.LOST


@pytest.mark.parametrize("next_attempt", NEXT_ATTEMPTS)
@pytest.mark.parametrize("mode", MODES)
def test_without_a_job_the_next_attempt_submits_one(
    tmp_path: Path, mode: ExecutionMode, next_attempt: Callable[[SupervisorHarness], RunResult]
) -> None:
    harness = a_harness(tmp_path, mode)
    unanswered(harness, made=False)
    scripts = len(harness.supervisor.runner.tasks)  # type: ignore[attr-defined]
    assert next_attempt(harness).state is RunOutcome.SUBMITTED
    assert state_of(harness) is RunState.QUEUED
    assert len(harness.supervisor.runner.tasks) == scripts  # type: ignore[attr-defined]
    assert len(harness.submitter.submitted) == 1
    assert start_job(harness, 1).state is RunOutcome.DONE


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("next_attempt", NEXT_ATTEMPTS)
@pytest.mark.parametrize("mode", MODES)
def test_of_two_jobs_the_one_that_starts_first_continues_the_run(
    tmp_path: Path,
    mode: ExecutionMode,
    next_attempt: Callable[[SupervisorHarness], RunResult],
    first: int,
) -> None:
    harness = a_harness(tmp_path, mode)
    unanswered(harness, made=True)
    assert next_attempt(harness).state is RunOutcome.SUBMITTED
    assert start_job(harness, first).state is RunOutcome.DONE
    assert start_job(harness, 3 - first).state is RunOutcome.DUPLICATE
    assert state_of(harness) is RunState.DONE


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("next_attempt", NEXT_ATTEMPTS)
def test_if_the_unconfirmed_job_has_started_the_next_attempt_submits_nothing(
    tmp_path: Path, next_attempt: Callable[[SupervisorHarness], RunResult], status: int
) -> None:
    harness = a_harness(tmp_path)
    unanswered(harness, made=True)
    ended = start_job(harness, 1, status)
    assert ended.state is (RunOutcome.FAILED if status else RunOutcome.DONE)
    before = records_of(harness)
    harness.store.clock = lambda: NOW + 100_000  # also if the lease of its claim has expired
    assert next_attempt(harness).state is RunOutcome.DUPLICATE
    assert len(harness.submitter.submitted) == 1
    assert records_of(harness) == before
    # `scar retry` has another request.
    if status:
        again = harness.supervisor.handle(lambda_invocation(EVENT, request="req-2")).results[0]
        assert again.state is RunOutcome.SUBMITTED


@pytest.mark.parametrize("has_failure_handler", [True, False])
def test_a_job_that_starts_before_the_loss_is_noticed_is_not_recorded_as_waiting_or_failed(
    tmp_path: Path, has_failure_handler: bool
) -> None:
    harness = a_harness(tmp_path)
    config = replace(harness.supervisor.config, has_failure_handler=has_failure_handler)
    harness.supervisor = replace(harness.supervisor, config=config)
    harness.submitter.before_loss = lambda: start_job(harness, 1)
    result = unanswered(harness, made=True)
    assert (result.state, result.error) == (RunOutcome.DUPLICATE, None)
    assert not {"waiting", "error"} & set(records_of(harness))
    assert state_of(harness) is RunState.DONE


def test_a_job_that_starts_before_the_failure_handlers_last_loss_has_not_failed(
    tmp_path: Path,
) -> None:
    harness = a_harness(tmp_path)
    unanswered(harness, made=False)
    harness.submitter.lost = [False, False, True]
    hand_on(harness)
    hand_on(harness)
    harness.submitter.before_loss = lambda: start_job(harness, 1)
    result = hand_on(harness)
    assert (result.state, result.error) == (RunOutcome.DUPLICATE, None)
    assert "error" not in records_of(harness)


@pytest.mark.parametrize("made", MADE)
def test_the_failure_handler_gives_up_after_lambdas_last_attempt(
    tmp_path: Path, made: bool
) -> None:
    harness = a_harness(tmp_path)
    unanswered(harness, made=made)
    harness.submitter.lost = [made] * 3
    states = []
    for _ in range(3):
        assert isinstance(hand_on(harness).error, SubmissionUnanswered)
        states.append(state_of(harness))
    assert states == [RunState.WAITING, RunState.WAITING, RunState.FAILED]
    assert records_of(harness)["error"]["kind"] == UNANSWERED[0]
    harness.store.clock = lambda: NOW + 60
    if made:  # a job exists all the same: it continues the run, and the other three end
        outcomes = [start_job(harness, number).state for number in range(1, 5)]
        assert outcomes == [RunOutcome.DONE, *[RunOutcome.DUPLICATE] * 3]
        assert state_of(harness, 60) is RunState.DONE
    else:
        assert hand_on(harness).state is RunOutcome.SUBMITTED  # a late delivery
        assert state_of(harness, 60) is RunState.QUEUED


@pytest.mark.parametrize("made", MADE)
def test_a_sandbox_failure_is_not_answered_in_the_failure_handler_either(
    tmp_path: Path, made: bool
) -> None:
    harness = a_harness(tmp_path, ExecutionMode.LAMBDA_BATCH)
    handler = new_failure_handler(harness)
    harness.submitter.lost = [made]
    handler.handle(failed_invocation(EVENT, TIMED_OUT))
    assert state_of(harness) is RunState.WAITING
    handler.handle(failed_invocation(EVENT, TIMED_OUT))
    assert state_of(harness) is RunState.QUEUED
    assert len(harness.submitter.submitted) == 1 + made


def test_without_a_failure_handler_lambdas_retry_submits_and_runs_no_script(tmp_path: Path) -> None:
    harness = a_harness(tmp_path, ExecutionMode.LAMBDA_BATCH)
    config = replace(harness.supervisor.config, has_failure_handler=False)
    harness.supervisor = replace(harness.supervisor, config=config)
    assert unanswered(harness, made=True).state is RunOutcome.FAILED
    assert state_of(harness) is RunState.FAILED
    scripts = len(harness.supervisor.runner.tasks)  # type: ignore[attr-defined]
    assert retry(harness).state is RunOutcome.SUBMITTED
    assert len(harness.supervisor.runner.tasks) == scripts  # type: ignore[attr-defined]
    assert start_job(harness, 1).state is RunOutcome.DONE
    assert start_job(harness, 2).state is RunOutcome.DUPLICATE


def test_a_refused_submission_fails_at_once(tmp_path: Path) -> None:
    class Refusing:
        def submit(self, job: JobRequest, *, until: float | None = None) -> str:
            raise SubmissionError(f"Cannot submit the job {job.name}: 403, {until}")

        def has_ended(self, job: str, *, until: float | None = None) -> bool:
            raise AssertionError(job, until)

        def was_out_of_memory(self, job: str, attempt: int) -> bool:
            raise AssertionError(job, attempt)

    harness = a_harness(tmp_path)
    supervisor = replace(harness.supervisor, open_submitter=Refusing)
    (result,) = supervisor.handle(lambda_invocation(EVENT)).results
    assert result.state is RunOutcome.FAILED
    assert set(records_of(harness)) == {"claim", "error"}
    assert state_of(harness) is RunState.FAILED


@pytest.mark.parametrize("made", MADE)
def test_a_run_whose_waiting_could_not_be_recorded_is_submitted_by_the_failure_handler(
    tmp_path: Path, made: bool
) -> None:
    harness = a_harness(tmp_path)
    claimed = False

    def refuse(method: str, ref: ObjectRef) -> None:
        nonlocal claimed
        if claimed:
            raise StorageError(f"503 for {method} of {ref}", remedy="Wait.")
        claimed = method == "write" and ref.key.endswith("claim.json")

    harness.store.before = refuse
    assert isinstance(unanswered(harness, made=made).error, SubmissionUnanswered)
    harness.store.before = lambda _method, _ref: None
    assert set(records_of(harness)) == {"claim"}
    assert hand_on(harness).state is RunOutcome.SUBMITTED


def test_the_state_of_a_job_that_is_not_answered_is_asked_for_by_the_next_attempt(
    tmp_path: Path,
) -> None:
    class Unanswering:
        def submit(self, job: JobRequest, *, until: float | None = None) -> str:
            raise AssertionError(job, until)

        def has_ended(self, job: str, *, until: float | None = None) -> bool:
            raise SubmissionUnanswered(f"The state of the Batch job {job} is unknown. {until}")

        def was_out_of_memory(self, job: str, attempt: int) -> bool:
            raise AssertionError(job, attempt)

    harness = a_harness(tmp_path)
    retry(harness)
    harness.store.clock = lambda: NOW + 100_000
    second = lambda_invocation(EVENT, request="req-2")
    supervisor = replace(harness.supervisor, open_submitter=Unanswering)
    assert isinstance(supervisor.handle(second).results[0].error, SubmissionUnanswered)
    handler = replace(new_failure_handler(harness), open_submitter=lambda _target: Unanswering())
    record = failed_invocation(EVENT, UNANSWERED, request="req-2")
    assert isinstance(handler.handle(record).results[0].error, SubmissionUnanswered)
    harness.submitter.ended.add("job-1")
    assert harness.supervisor.handle(second).results[0].state is RunOutcome.SUBMITTED
