"""Counting runs by listing their records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from scar.runs.ledger import RunLedger
from scar.runs.states import FAILURE_STATES, RunState
from scar.runs.status import StatusQuery, StatusReport, collect_status
from scar.runs.unfinished_jobs import UnfinishedJob
from tests.fakes.s3_listing_client import NOW, ListedS3

DAY = "2026-09-21"


def run_id(number: int) -> str:
    return f"{number:032x}"


def record(s3: ListedS3, number: int, *names: str, age: float = 100, function: str = "fn") -> None:
    for offset, name in enumerate(names):
        s3.put(f"runs/{function}/{DAY}/{run_id(number)}/{name}.json", age - offset)


def a_ledger(s3: ListedS3) -> RunLedger:
    return RunLedger(cast("object", s3), "state")  # type: ignore[arg-type]


def collect(
    ledger: RunLedger,
    functions: list[str],
    jobs: dict[str, dict[str, UnfinishedJob]],
    **query: Any,  # noqa: ANN401 the fields of a StatusQuery
) -> StatusReport:
    return collect_status(ledger, functions, StatusQuery(jobs=jobs, **query))


def test_runs_are_counted_by_state_without_reading_them() -> None:
    s3 = ListedS3(page=7)
    for number in range(20):
        record(s3, number, "claim", "done")
    for number in range(20, 30):
        record(s3, number, "claim", "error")
    record(s3, 30, "claim", age=100_000)
    found = collect(a_ledger(s3), ["fn"], {})
    assert found.functions[0].states == {RunState.DONE: 20, RunState.FAILED: 10, RunState.LOST: 1}
    assert s3.calls == {"list": 10}  # 61 keys, 7 to a page, and the days


def test_the_records_of_a_run_may_be_on_two_pages() -> None:
    for page in (1, 2, 3, 4):
        s3 = ListedS3(page=page)
        for number in range(5):
            record(s3, number, "claim", "delegated", "attempt-1", "done")
        assert collect(a_ledger(s3), ["fn"], {}).functions[0].states == {RunState.DONE: 5}


def test_the_latest_runs_come_first_and_are_few() -> None:
    s3 = ListedS3()
    for number in range(50):
        record(s3, number, "claim", "done", age=1000 - number)
    found = collect(a_ledger(s3), ["fn"], {}, limit=3)
    assert [run.path.run_id for run in found.recent] == [run_id(n) for n in (49, 48, 47)]


def test_the_latest_runs_can_be_limited_to_states() -> None:
    s3 = ListedS3()
    record(s3, 1, "claim", "done")
    record(s3, 2, "claim", "error")
    found = collect(a_ledger(s3), ["fn"], {}, recent_states=FAILURE_STATES)
    assert [run.state for run in found.recent] == [RunState.FAILED]


def test_since_applies_to_the_last_change_and_to_the_listed_days() -> None:
    s3 = ListedS3()
    record(s3, 1, "claim", "done", age=7200)
    record(s3, 2, "claim", "done", age=60)
    s3.put(f"runs/fn/2026-09-01/{run_id(3)}/done.json", 20)
    since = datetime.fromtimestamp(NOW - 3600, UTC)
    found = collect(a_ledger(s3), ["fn"], {}, since=since)
    assert [run.path.run_id for run in found.recent] == [run_id(2)]


def a_job(number: int, state: str, reason: str = "") -> UnfinishedJob:
    name = f"fn-{run_id(number)}"
    return UnfinishedJob(id="j", name=name, status=state, created=NOW - number, reason=reason)


def test_runnable_jobs_are_counted_with_the_reason_of_the_oldest() -> None:
    s3 = ListedS3()
    jobs = {}
    for number, state in ((1, "RUNNABLE"), (2, "RUNNABLE"), (3, "STARTING")):
        record(s3, number, "claim", "delegated", age=5000)
        job = a_job(number, state, "CAPACITY:X" if number == 2 else "")
        jobs[job.name] = job
    (found,) = collect(a_ledger(s3), ["fn"], {"fn": jobs}).functions
    assert found.states == {RunState.QUEUED: 3}
    assert found.jobs_by_status == {"RUNNABLE": 2, "STARTING": 1}
    assert (found.runnable_since, found.reason) == (NOW - 2, "CAPACITY:X")


@pytest.mark.parametrize(("age", "state"), [(5000, RunState.LOST), (10, RunState.QUEUED)])
def test_a_queued_run_without_a_job_is_lost_after_the_listing_delay(
    age: float, state: RunState
) -> None:
    s3 = ListedS3()
    record(s3, 1, "claim", "delegated", age=age)
    assert collect(a_ledger(s3), ["fn"], {"fn": {}}).functions[0].states == {state: 1}


@pytest.mark.parametrize(("age", "state"), [(500, RunState.LOST), (10, RunState.RUNNING)])
def test_a_run_whose_job_was_killed_is_lost_before_its_lease_ends(
    age: float, state: RunState
) -> None:
    s3 = ListedS3()
    record(s3, 1, "delegated", "claim", "attempt-1", age=age)
    assert collect(a_ledger(s3), ["fn"], {"fn": {}}).functions[0].states == {state: 1}


@pytest.mark.parametrize(
    ("job", "state"),
    [("RUNNABLE", RunState.QUEUED), ("RUNNING", RunState.RUNNING), ("", RunState.FAILED)],
)
def test_a_failed_run_is_not_finished_while_batch_retries_its_job(
    job: str, state: RunState
) -> None:
    s3 = ListedS3()
    record(s3, 1, "delegated", "claim", "attempt-1", "error")
    jobs = {a_job(1, job).name: a_job(1, job)} if job else {}
    found = collect(a_ledger(s3), ["fn"], {"fn": jobs}).functions[0]
    assert found.states == {state: 1}
    assert found.jobs_by_status == ({"RUNNABLE": 1} if job == "RUNNABLE" else {})


def test_a_failure_in_lambda_is_not_corrected_by_jobs() -> None:
    s3 = ListedS3()
    record(s3, 1, "claim", "error", age=5000)
    assert collect(a_ledger(s3), ["fn"], {"fn": {}}).functions[0].states == {RunState.FAILED: 1}


def test_without_a_listing_of_jobs_a_queued_run_stays_queued() -> None:
    s3 = ListedS3()
    record(s3, 1, "claim", "delegated", age=5000)
    assert collect(a_ledger(s3), ["fn"], {}).functions[0].states == {RunState.QUEUED: 1}


def test_unsubmitted_runs_are_counted_among_the_waiting_ones() -> None:
    s3 = ListedS3()
    record(s3, 1, "claim", "waiting")
    record(s3, 2, "claim", "waiting")
    record(s3, 3, "claim", "error", "retry")
    (found,) = collect(a_ledger(s3), ["fn"], {"fn": {}}).functions
    assert found.states == {RunState.WAITING: 3}
    assert (found.unsubmitted, found.unfinished_count, found.failure_count) == (2, 3, 0)
