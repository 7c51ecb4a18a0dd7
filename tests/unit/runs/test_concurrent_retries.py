"""Two retries at once: the slower one changes nothing that the faster one has started."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.runs import lookup
from scar.runs.ledger import RunChangedError, RunLedger
from scar.runs.retry import NotRetryableError, prepare_retry, reopen_run, retry_run
from scar.runs.states import RunState
from supervisor.events.parser import parse_event
from supervisor.runs import record_format
from tests.fakes.s3_listing_client import ListedS3
from tests.fakes.supervisor_factory import notification

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.runs.ledger import Run

FOLDER = "runs/fn/2026-09-21"
EVENT = json.dumps(notification("in/a"))
(TRIGGER,) = parse_event(EVENT.encode())
RUN = record_format.run_id("fn", TRIGGER, "r")


class Records:
    """The records of one run, written by jobs, and a ledger that reads them."""

    def __init__(self) -> None:
        self.s3 = ListedS3()
        self.ledger = RunLedger(self.s3, "state")  # type: ignore[arg-type]

    def put(self, name: str, job: str, age: float, **data: object) -> None:
        owner = {"site": "batch", "request": "", "job": job, "attempt": 1}
        if name == "claim":
            data |= record_format.describe_trigger(TRIGGER)
        body = record_format.encode({"owner": owner, **data})
        self.s3.put(f"{FOLDER}/{RUN}/{name}.json", age, body)

    def read(self) -> Run:
        return lookup.find_run(self.ledger, RUN)

    def put_cancelled(self, job: str) -> Run:
        for name, age in (("claim", 50), ("error", 40), ("cancelled", 40), ("done", 40)):
            self.put(name, job, age)
        return self.read()

    def put_lost(self, job: str) -> Run:
        self.put("claim", job, 50)
        self.put("attempt-1", job, 50)
        return replace(self.read(), state=RunState.LOST)

    def begin_and_end(self, job: str) -> None:
        self.put("claim", job, 20)
        self.put("done", job, 10, state="done")


def reopen(records: Records, run: Run) -> object:
    return reopen_run(records.ledger, run)


def prepare(records: Records, run: Run) -> object:
    return prepare_retry(records.ledger, run, lambda _: None)


def send(records: Records, run: Run) -> object:
    return retry_run(records.ledger, run, lambda *_: "request", lambda _: None)


RETRIES = pytest.mark.parametrize("retry", [reopen, prepare, send])


@RETRIES
def test_the_result_of_a_run_that_another_retry_has_started_is_not_deleted(
    retry: Callable[[Records, Run], object],
) -> None:
    records = Records()
    listed = records.put_cancelled("j1")
    reopen_run(records.ledger, records.read())
    records.begin_and_end("j2")
    with pytest.raises(NotRetryableError, match="changed meanwhile"):
        retry(records, listed)
    assert records.read().state is RunState.DONE


def test_the_result_is_kept_if_the_run_ends_between_reading_and_deleting() -> None:
    records = Records()
    listed = records.put_cancelled("j1")
    records.put("done", "j2", 10, state="done")
    with pytest.raises(RunChangedError):
        records.ledger.delete_listed_record(listed, record_format.DONE)
    assert records.read().state is RunState.FAILED  # as listed: the claim is the same
    assert f"{FOLDER}/{RUN}/done.json" in records.s3.objects


@RETRIES
def test_a_run_that_another_retry_has_started_is_not_declared_lost(
    retry: Callable[[Records, Run], object],
) -> None:
    records = Records()
    listed = records.put_lost("j1")
    reopen_run(records.ledger, listed)
    records.s3.now += 60
    records.put("claim", "j2", 20)
    records.put("attempt-1", "j2", 20)
    assert (before := records.read()).state is RunState.RUNNING
    with pytest.raises(NotRetryableError, match="changed meanwhile"):
        retry(records, listed)
    assert records.read() == before


@RETRIES
def test_a_failed_run_that_has_begun_again_is_not_marked_as_waiting(
    retry: Callable[[Records, Run], object],
) -> None:
    records = Records()
    records.put("claim", "j1", 50)
    records.put("error", "j1", 40)
    listed = records.read()
    assert listed.state is RunState.FAILED
    records.put("claim", "j2", 20)
    with pytest.raises(NotRetryableError, match="changed meanwhile"):
        retry(records, listed)
    assert f"{FOLDER}/{RUN}/retry.json" not in records.s3.objects


def test_of_two_retries_of_a_lost_run_one_starts_it() -> None:
    records = Records()
    listed = records.put_lost("j1")
    reopen_run(records.ledger, listed)
    with pytest.raises(NotRetryableError, match="changed meanwhile"):
        reopen_run(records.ledger, listed)
    assert records.read().state is RunState.FAILED


def test_a_loss_is_recorded_over_the_error_of_an_earlier_attempt() -> None:
    records = Records()
    records.put("error", "j0", 60, problem="earlier")
    listed = records.put_lost("j1")
    reopen_run(records.ledger, listed)
    error = records.ledger.read_record(listed.path, record_format.ERROR) or {}
    assert error["kind"] == "Lost"


@pytest.mark.parametrize("put", [Records.put_cancelled, Records.put_lost])
def test_a_run_that_was_opened_for_an_array_can_start_without_one(
    put: Callable[[Records, str], Run],
) -> None:
    records = Records()
    opened, _ = reopen_run(records.ledger, put(records, "j1"))
    records.s3.now += 2  # `scar retry` pauses: S3's times are whole seconds
    assert send(records, opened)
    assert records.read().state is RunState.WAITING
