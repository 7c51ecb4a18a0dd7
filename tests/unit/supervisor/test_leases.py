"""The duration of a claim's lease, and takeovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supervisor.errors import ClaimLost, RecordError, SubmissionError
from supervisor.invocation import RunOwner, RunPath
from supervisor.model import ComputeService, ObjectRef, StoredObject
from supervisor.runs import leases, record_format
from supervisor.runs.run_record import RunRecord
from tests.fakes.object_store import MemoryStore
from tests.fakes.supervisor_factory import STATE

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = RunPath(function="fn", date="2026-09-21", run_id="r")


class LeaseClock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def a_ledger(
    store: MemoryStore,
    request: str,
    job: str = "",
    *,
    lease: float = 60.0,
    has_ended: Callable[[str], bool] = lambda _job: False,
) -> RunRecord:
    owner = RunOwner(
        site=ComputeService.BATCH if job else ComputeService.LAMBDA, request=request, job=job
    )
    return RunRecord(
        store=store, bucket=STATE, run=RUN, owner=owner, lease=lease, has_job_ended=has_ended
    )


def a_store() -> tuple[MemoryStore, LeaseClock]:
    clock = LeaseClock()
    return MemoryStore(clock=clock), clock


def test_a_claim_in_lambda_holds_until_a_minute_after_the_deadline() -> None:
    assert leases.lease_seconds(1000.0, 700.0) == 360.0
    assert leases.lease_seconds(1000.0, 2000.0) == 60.0


def test_a_claim_without_a_deadline_holds_for_three_renewals() -> None:
    assert leases.lease_seconds(None, 0.0) == leases.JOB_LEASE == 3 * leases.RENEWAL_INTERVAL


@pytest.mark.parametrize(("age", "over"), [(59, False), (60, False), (61, True)])
def test_a_lease_expires_after_its_last_second(age: int, over: bool) -> None:
    claim = StoredObject(size=1, etag="e", last_modified=100.0, response_date=100.0 + age)
    assert leases.is_expired(60, claim) is over


def test_with_a_store_without_times_no_lease_expires() -> None:
    assert not leases.is_expired(0, StoredObject(size=1, etag="e", response_date=9e9))


@pytest.mark.parametrize("wrong", [-1, "60", None, True, float("nan")])
def test_a_lease_that_is_no_number_of_seconds_is_rejected(wrong: object) -> None:
    with pytest.raises(RecordError, match="lease"):
        leases.parse_lease({"lease": wrong}, "runs/fn/d/r/claim.json")


def test_a_duplicate_waits_for_the_lease_and_then_takes_over() -> None:
    store, clock = a_store()
    assert a_ledger(store, "one").claim()
    assert not a_ledger(store, "two").claim()
    clock.now += 61
    assert a_ledger(store, "two").claim()
    assert not a_ledger(store, "three").claim()


def test_of_two_concurrent_takeovers_one_succeeds() -> None:
    store, clock = a_store()
    assert a_ledger(store, "one").claim()
    clock.now += 61
    second, third = a_ledger(store, "two"), a_ledger(store, "three")
    rival: list[bool] = []

    def meanwhile(method: str, ref: ObjectRef) -> None:
        if method == "write" and not rival and len(store.history) > 5:
            rival.append(True)
            rival[0] = third.claim()

    store.before = meanwhile
    assert sorted([second.claim(), *rival]) == [False, True]


def test_a_run_queued_in_batch_is_not_taken_over_when_lambdas_lease_expires() -> None:
    store, clock = a_store()
    first = a_ledger(store, "one")
    assert first.claim()
    first.write_submission("fn-r", "job-1")
    clock.now += 100_000
    assert not a_ledger(store, "two").claim()


def test_a_run_whose_job_ended_without_a_record_is_taken_over() -> None:
    store, clock = a_store()
    first = a_ledger(store, "one")
    assert first.claim()
    first.write_submission("fn-r", "job-1")
    clock.now += 100_000
    queried: list[str] = []

    def has_ended(job: str) -> bool:
        queried.append(job)
        return True

    assert a_ledger(store, "two", has_ended=has_ended).claim()
    assert queried == ["job-1"]


def test_the_job_s_state_is_not_queried_while_the_lease_is_valid() -> None:
    store, _ = a_store()
    first = a_ledger(store, "one")
    assert first.claim()
    first.write_submission("fn-r", "job-1")

    def has_ended(job: str) -> bool:
        raise SubmissionError(job)

    assert not a_ledger(store, "two", has_ended=has_ended).claim()


def test_a_renewed_claim_holds_longer() -> None:
    store, clock = a_store()
    job = a_ledger(store, "one", "job-1", lease=900)
    assert job.claim()
    for _ in range(10):
        clock.now += 600
        job.renew()
        assert not a_ledger(store, "two").claim()


def test_renewing_fails_once_the_expired_lease_was_taken_over() -> None:
    store, clock = a_store()
    job = a_ledger(store, "one", "job-1", lease=900)
    assert job.claim()
    clock.now += 901
    assert a_ledger(store, "two").claim()
    with pytest.raises(ClaimLost):
        job.renew()


def test_a_claim_of_a_release_without_leases_holds_as_long_as_a_jobs() -> None:
    store, clock = a_store()
    owner = record_format.owner_to_json(RunOwner(site=ComputeService.LAMBDA, request="one"))
    store.put(RUN.key(record_format.CLAIM), record_format.encode({"owner": owner}), bucket=STATE)
    clock.now += leases.JOB_LEASE
    assert not a_ledger(store, "two").claim()
    clock.now += 1
    assert a_ledger(store, "two").claim()
