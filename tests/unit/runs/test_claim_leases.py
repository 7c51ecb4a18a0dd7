"""A run in Lambda whose process died is lost when its lease has expired; few claims are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.runs.ledger import RunLedger
from scar.runs.retry import RETRYABLE_BY_NAME
from scar.runs.states import LAMBDA_LEASE, RunState
from scar.runs.status import StatusQuery, collect_status
from tests.fakes.s3_listing_client import NOW, ListedS3

if TYPE_CHECKING:
    from scar.runs.ledger import Run

DAY = "2026-09-21"
LEASE = 84.99  # of a function with a timeout of 25 s


def put_claim(s3: ListedS3, number: int, age: float, lease: object, job: str = "") -> None:
    owner = {"site": "batch" if job else "lambda", "request": "r", "job": job, "attempt": 0}
    claim = json.dumps({"format": 1, "owner": owner, "lease": lease}).encode()
    s3.put(f"runs/fn/{DAY}/{number:032x}/claim.json", age, claim)


def list_runs(s3: ListedS3) -> list[Run]:
    return list(RunLedger(s3, "state").list_runs("fn"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("age", "state", "reads"),
    [
        (50, RunState.LAMBDA, 0),
        (60, RunState.LAMBDA, 0),
        (61, RunState.LAMBDA, 1),
        (84, RunState.LAMBDA, 1),
        (85, RunState.LOST, 1),
        (LAMBDA_LEASE, RunState.LOST, 1),
        (LAMBDA_LEASE + 1, RunState.LOST, 0),
    ],
)
def test_a_run_is_lost_when_the_lease_in_its_claim_has_expired(
    age: float, state: RunState, reads: int
) -> None:
    s3 = ListedS3()
    put_claim(s3, 1, age, LEASE)
    (run,) = list_runs(s3)
    assert run.state is state
    assert s3.calls["get"] == reads
    assert (run.state in RETRYABLE_BY_NAME) is (state is RunState.LOST)


def test_one_claim_is_read_for_many_runs_in_progress() -> None:
    s3 = ListedS3()
    for number in range(1500):
        put_claim(s3, number, 61 + number % 800, 959.9)
    assert {run.state for run in list_runs(s3)} == {RunState.LAMBDA}
    assert s3.calls["get"] == 1


def test_a_claim_is_read_once_by_a_ledger() -> None:
    s3 = ListedS3()
    put_claim(s3, 1, 300, LEASE)
    ledger = RunLedger(s3, "state")  # type: ignore[arg-type]
    for _ in range(3):
        assert [run.state for run in ledger.list_runs("fn")] == [RunState.LOST]
    assert s3.calls["get"] == 1


def test_the_lease_of_a_job_says_nothing_about_runs_in_lambda() -> None:
    s3 = ListedS3()
    put_claim(s3, 1, 300, 900.0, job="j-1")
    put_claim(s3, 2, 300, LEASE)
    assert [run.state for run in list_runs(s3)] == [RunState.LAMBDA, RunState.LOST]


@pytest.mark.parametrize("lease", ["long", None, -1, True])
def test_a_damaged_lease_is_taken_for_the_longest(lease: object) -> None:
    s3 = ListedS3()
    put_claim(s3, 1, 300, lease)
    assert [run.state for run in list_runs(s3)] == [RunState.LAMBDA]


def test_a_claim_that_was_renewed_since_the_listing_is_valid() -> None:
    class Renewing(ListedS3):
        def get_object(self, **params: Any) -> dict[str, Any]:  # noqa: ANN401 as boto3 has it
            put_claim(self, 1, 0, LEASE + 1)
            return super().get_object(**params)

    s3 = Renewing()
    put_claim(s3, 1, 300, LEASE)
    assert [run.state for run in list_runs(s3)] == [RunState.LAMBDA]


@pytest.mark.parametrize(("began", "relevant"), [(NOW - 100, 1), (NOW - 10, 0)])
def test_only_a_run_that_was_lost_since_then_is_a_new_failure(began: float, relevant: int) -> None:
    s3 = ListedS3()
    put_claim(s3, 1, 120, LEASE)  # lost 35 seconds ago
    put_claim(s3, 2, 5000, LEASE)
    query = StatusQuery(jobs={}, began=began)
    (status,) = collect_status(RunLedger(s3, "state"), ["fn"], query).functions  # type: ignore[arg-type]
    assert status.states[RunState.LOST] == 2
    assert status.relevant_failure_count == relevant
