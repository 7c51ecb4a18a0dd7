"""A job whose script failed submits the next one, and nothing runs twice."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.batch.job_request import JOB_VARIABLE
from supervisor.job_model import ExitRetry, JobCapacity
from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome
from supervisor.runtime.batch_job import exit_status, read_invocation
from tests.fakes.supervisor_factory import (
    STATE,
    SupervisorHarness,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.invocation import Invocation, ProcessSpec
    from supervisor.job_model import JobRequest
    from supervisor.results import InvocationResult


@dataclass(slots=True)
class Script:
    """Ends with these statuses, one after the other, and then with 0."""

    statuses: list[int]
    starts: int = 0
    successes: int = 0

    def run(self, spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        del spec, timeout
        self.starts += 1
        self.successes += not self.statuses
        return (self.statuses.pop(0) if self.statuses else 0), b"ValueError: no reads\n"


def a_harness(folder: Path, *statuses: int) -> tuple[SupervisorHarness, Script]:
    script = Script(list(statuses))
    made = new_harness(folder, mode=ExecutionMode.BATCH, runner=script)
    config = made.supervisor.config
    assert config.batch is not None
    batch = replace(
        config.batch,
        vcpus="1",
        memory=1024,
        capacity=JobCapacity(shapes=((4.0, 16384, 0),)),
        retry=(ExitRetry(exit_code=75), ExitRetry(exit_code=137, factor=2.0)),
    )
    made.supervisor = replace(made.supervisor, config=replace(config, batch=batch))
    made.store.put("in/a.txt", b"a")
    return made, script


def submit(harness: SupervisorHarness) -> JobRequest:
    harness.supervisor.handle(lambda_invocation(notification("in/a.txt")))
    return harness.submitter.submitted[-1]


def job_invocation(request: JobRequest, job: str, attempt: int = 1) -> Invocation:
    environ = {
        **request.environment,
        "AWS_BATCH_JOB_ID": job,
        "AWS_BATCH_JOB_ATTEMPT": str(attempt),
    }

    def no_store(_provider: str) -> object:
        raise AssertionError

    return read_invocation(environ, "fn", no_store, "stream", has_retries=True)  # type: ignore[arg-type]


def run_job(
    harness: SupervisorHarness, request: JobRequest, job: str, attempt: int = 1
) -> InvocationResult:
    return harness.supervisor.handle(job_invocation(request, job, attempt))


def record(harness: SupervisorHarness, name: str) -> dict[str, object]:
    (text,) = (
        data for key, data in harness.store.keys(STATE).items() if key.endswith(f"/{name}.json")
    )
    found: dict[str, object] = json.loads(text)
    return found


def test_memory_grows_until_the_script_succeeds(tmp_path: Path) -> None:
    harness, script = a_harness(tmp_path, 137, 137)
    request, memories = submit(harness), []
    for number in (1, 2):
        memories.append(request.memory)
        run_job(harness, request, f"job-{number}")
        request = harness.submitter.submitted[-1]
    memories.append(request.memory)
    result = run_job(harness, request, "job-3")
    assert memories == [0, 2048, 4096]
    assert result.results[0].state is RunOutcome.DONE
    assert (script.starts, len(harness.submitter.submitted)) == (3, 3)
    assert record(harness, "delegated-2")["kind"] == "OutOfMemory"
    assert record(harness, "delegated-3")["job"] == "job-3"
    assert record(harness, "attempt-3.1")["log_stream"] == "stream"
    assert record(harness, "claim")["job_number"] == 3
    names = {key.rpartition("/")[2] for key in harness.store.keys(STATE)}
    assert "error.json" not in names


def test_the_job_ends_with_its_scripts_status(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path, 75)
    assert exit_status(run_job(harness, submit(harness), "job-1")) == 75


def test_after_the_last_job_the_failure_is_recorded(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path, 75, 75, 75, 75)
    submit(harness)
    for number in (1, 2, 3):
        run_job(harness, harness.submitter.submitted[-1], f"job-{number}")
    assert len(harness.submitter.submitted) == 3
    error = record(harness, "error")
    assert error["problem"] == (
        "The script ended with status 75: ValueError: no reads. It was job 3 of 3 (batch.retry)."
    )
    assert (error["status"], error["type"]) == (75, "ValueError")


class Killed(BaseException):
    """The container is killed: nothing of the supervisor runs any more."""


def kill_job(harness: SupervisorHarness, request: JobRequest, job: str, attempt: int = 1) -> None:
    """Start a job that memory exhaustion kills as a whole while its script runs."""
    usual = harness.supervisor

    def run(spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        raise Killed

    runner = type("KilledRunner", (), {"run": staticmethod(run)})()
    harness.supervisor = replace(usual, runner=runner)
    with pytest.raises(Killed):
        run_job(harness, request, job, attempt)
    harness.supervisor = usual
    harness.submitter.killed.add((job, attempt))


def test_the_attempt_after_a_killed_container_submits_more_memory(tmp_path: Path) -> None:
    harness, script = a_harness(tmp_path)
    first = submit(harness)
    kill_job(harness, first, "job-1")
    result = run_job(harness, first, "job-1", attempt=2)
    assert (result.results[0].state, script.starts) == (RunOutcome.SUBMITTED, 0)
    second = harness.submitter.submitted[-1]
    assert second.memory == 2048
    assert "killed: it ran out of memory" in str(record(harness, "delegated-2")["problem"])
    # The job failed, but not with the status that would start a third attempt of it.
    assert exit_status(result, is_restarted_when_killed=True) == 1
    kill_job(harness, second, "job-2")
    run_job(harness, second, "job-2", attempt=2)
    third = harness.submitter.submitted[-1]
    assert run_job(harness, third, "job-3").results[0].state is RunOutcome.DONE
    assert (script.starts, len(harness.submitter.submitted)) == (1, 3)


def test_killed_containers_are_bounded_too(tmp_path: Path) -> None:
    harness, script = a_harness(tmp_path)
    submit(harness)
    for number in (1, 2, 3):
        request = harness.submitter.submitted[-1]
        kill_job(harness, request, f"job-{number}")
        run_job(harness, request, f"job-{number}", attempt=2)
    assert script.starts == 0
    assert len(harness.submitter.submitted) == 3
    error = record(harness, "error")
    assert (error["kind"], error["status"]) == ("OutOfMemory", 137)
    assert "It was job 3 of 3" in str(error["problem"])


@pytest.mark.parametrize("is_known", [True, False])
def test_after_a_lost_host_the_script_runs_again(tmp_path: Path, is_known: bool) -> None:
    harness, script = a_harness(tmp_path)
    first = submit(harness)
    kill_job(harness, first, "job-1")
    if is_known:
        harness.submitter.killed.clear()  # Batch's reason is another one
    else:
        harness.submitter.throttled = 1  # Batch's reason cannot be read
    assert run_job(harness, first, "job-1", attempt=2).results[0].state is RunOutcome.DONE
    assert (script.starts, len(harness.submitter.submitted)) == (1, 1)


def test_without_a_rule_for_it_no_reason_is_read(tmp_path: Path) -> None:
    harness, script = a_harness(tmp_path)
    target = harness.supervisor.config.batch
    assert target is not None
    target = replace(target, retry=target.retry[:1])
    config = replace(harness.supervisor.config, batch=target)
    harness.supervisor = replace(harness.supervisor, config=config)
    first = submit(harness)
    kill_job(harness, first, "job-1")
    harness.submitter.throttled = 1
    run_job(harness, first, "job-1", attempt=2)
    assert (script.starts, harness.submitter.throttled) == (1, 1)


def test_a_script_that_was_killed_does_not_end_its_job_like_a_killed_container(
    tmp_path: Path,
) -> None:
    harness, _ = a_harness(tmp_path, 137)
    result = run_job(harness, submit(harness), "job-1")
    assert exit_status(result, is_restarted_when_killed=True) == 1
    assert exit_status(result) == 137


@pytest.mark.parametrize("status", [1, 2, 143])
def test_other_statuses_are_failures(tmp_path: Path, status: int) -> None:
    harness, _ = a_harness(tmp_path, status)
    result = run_job(harness, submit(harness), "job-1")
    assert result.results[0].state is RunOutcome.FAILED
    assert len(harness.submitter.submitted) == 1


def test_another_attempt_of_a_job_that_was_continued_runs_nothing(tmp_path: Path) -> None:
    harness, script = a_harness(tmp_path, 75)
    first = submit(harness)
    run_job(harness, first, "job-1")
    result = run_job(harness, first, "job-1", attempt=2)
    assert result.results[0].state is RunOutcome.DUPLICATE
    assert script.starts == 1


def test_a_kill_between_submission_and_record_starts_no_second_successor(tmp_path: Path) -> None:
    harness, script = a_harness(tmp_path, 75)
    first = submit(harness)
    run_job(harness, first, "job-1")
    successor = harness.submitter.submitted[-1]
    for key in [k for k in harness.store.keys(STATE) if k.endswith("delegated-2.json")]:
        del harness.store.objects[STATE, key]
    # Batch starts the job again: its claim is that of attempt 2, which the successor does not own.
    run_job(harness, first, "job-1", attempt=2)
    result = run_job(harness, successor, "job-2")
    assert result.results[0].state is RunOutcome.DUPLICATE
    assert script.starts == 2


def test_a_successor_leaves_the_run_to_an_attempt_that_started_after_it_was_submitted(
    tmp_path: Path,
) -> None:
    harness, script = a_harness(tmp_path, 75)
    first = submit(harness)
    run_job(harness, first, "job-1")
    successor = harness.submitter.submitted[-1]
    for key in [k for k in harness.store.keys(STATE) if k.endswith("delegated-2.json")]:
        del harness.store.objects[STATE, key]
    meanwhile: list[InvocationResult] = []
    original = script.run

    def start_successor(spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        if not meanwhile:
            meanwhile.append(run_job(harness, successor, "job-2"))
        return original(spec, timeout=timeout)

    harness.supervisor = replace(
        harness.supervisor, runner=type("Both", (), {"run": staticmethod(start_successor)})()
    )
    result = run_job(harness, first, "job-1", attempt=2)
    assert meanwhile[0].results[0].state is RunOutcome.DUPLICATE
    assert result.results[0].state is RunOutcome.DONE
    assert script.starts == 2


def test_a_job_that_lost_its_claim_submits_nothing(tmp_path: Path) -> None:
    harness, script = a_harness(tmp_path, 75)
    first = submit(harness)
    original = script.run

    def steal(spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        (key,) = (k for k in harness.store.keys(STATE) if k.endswith("/claim.json"))
        claim = json.loads(harness.store.keys(STATE)[key])
        claim["owner"]["request"] = "another"
        harness.store.put(key, json.dumps(claim).encode(), bucket=STATE)
        return original(spec, timeout=timeout)

    harness.supervisor = replace(
        harness.supervisor, runner=type("Thief", (), {"run": staticmethod(steal)})()
    )
    result = run_job(harness, first, "job-1")
    assert result.results[0].state is RunOutcome.DUPLICATE
    assert len(harness.submitter.submitted) == 1


def test_a_throttled_submission_leaves_a_failed_run_that_says_so(tmp_path: Path) -> None:
    harness, _ = a_harness(tmp_path, 75)
    first = submit(harness)
    harness.submitter.throttled = 1
    result = run_job(harness, first, "job-1")
    assert result.results[0].state is RunOutcome.FAILED
    assert "It was not submitted again: AWS Batch throttled" in str(
        record(harness, "error")["problem"]
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_repeated_or_lost_jobs_are_bounded_and_one_result_is_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    statuses = data.draw(st.lists(st.sampled_from([75, 137]), max_size=6))
    harness, script = a_harness(tmp_path_factory.mktemp("run"), *statuses)
    submit(harness)
    starts: set[tuple[int, int]] = set()
    for _ in range(data.draw(st.integers(1, 12))):
        number = data.draw(st.integers(1, len(harness.submitter.submitted)))
        attempt = max((a for n, a in starts if n == number), default=0) + 1
        if attempt > 3:
            continue
        starts.add((number, attempt))
        if data.draw(st.booleans()):
            harness.submitter.lost = [data.draw(st.booleans())]
        run_job(harness, harness.submitter.submitted[number - 1], f"job-{number}", attempt)
        harness.submitter.lost.clear()
    places = [
        json.loads(r.environment[JOB_VARIABLE])["number"] for r in harness.submitter.submitted
    ]
    assert max(places) <= 3
    done = [k for k in harness.store.keys(STATE) if k.endswith("done.json")]
    assert len(done) == script.successes <= 1
