"""A repeated direct call is another run, which counts from the moment of `scar retry`."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from scar.runs import lookup
from scar.runs.cancel import NotCancellableError, cancel_run
from scar.runs.history.model import RunHistory
from scar.runs.history.repetitions import follow_repetitions, read_repetition
from scar.runs.ledger import RunLedger
from scar.runs.progress import count_inputs, count_runs
from scar.runs.report import build_report
from scar.runs.retry import (
    NotRetryableError,
    retry_run,
)
from scar.runs.run_details import RunDetailReader
from scar.runs.states import MAX_EVENT_AGE, RunState
from scar.runs.status import RETRY_SECONDS
from supervisor.events.parser import parse_event
from supervisor.invocation import DirectInvocation
from supervisor.runs import record_format
from tests.fakes.s3_listing_client import NOW, ListedS3

if TYPE_CHECKING:
    from scar.runs.ledger import Run

OLD = "5c9d84bd-0000-4000-8000-000000000000"
NEW = "7b43705d-0000-4000-8000-000000000000"
BODY = "0" * 32
MIDNIGHT = datetime(2026, 9, 22, tzinfo=UTC).timestamp()


def day_of(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}"


class World:
    """A failed direct call that was retried: ``NEW`` repeats ``OLD``."""

    def __init__(
        self, now: float = NOW, event: dict[str, object] | None = None, *, keeps_body: bool = True
    ) -> None:
        self.s3 = ListedS3(now=now)
        if keeps_body:
            self.s3.put(f"requests/fn/{BODY}", 9, b"large")
        self.sent: list[dict[str, object]] = []
        self.put(OLD, "claim", 90, event=json.dumps(event or {"a": 1}))
        self.put(OLD, "error", 80)
        retry_run(self.ledger, self.find(OLD), self.enqueue)

    def enqueue(self, function: str, event: dict[str, object]) -> str:
        assert function == "fn"
        self.sent.append(event)
        return NEW if len(self.sent) == 1 else f"9{NEW[1:]}"

    @property
    def ledger(self) -> RunLedger:
        """Return a ledger that has listed nothing: `scar retry --failed` lists with another."""
        return RunLedger(self.s3, "state")  # type: ignore[arg-type]

    def find(self, run: str) -> Run:
        return lookup.find_run(self.ledger, run)

    def put(self, run: str, name: str, age: float = 0, **fields: Any) -> None:  # noqa: ANN401
        owner = {"site": "lambda", "request": run, "job": "", "attempt": 1}
        body = record_format.encode({"owner": owner, **fields})
        self.s3.put(f"runs/fn/{day_of(self.s3.now - age)}/{run}/{name}.json", age, body)

    def count(self, began: float | None = None) -> Any:  # noqa: ANN401
        return count_inputs(self.ledger, {"fn": []}, began=began)

    def cancel(self, run: str) -> str:
        return cancel_run(self.ledger, None, self.find(run))  # type: ignore[arg-type]


def test_the_new_run_waits_from_the_moment_of_the_retry() -> None:
    world = World()
    assert world.find(OLD).state is RunState.REPEATED
    assert world.find(NEW).state is RunState.WAITING
    found = world.count()
    assert (found.is_finished, found.counts["waiting"], found.counts["repeated"]) == (False, 1, 1)
    assert not count_runs([world.find(NEW)]).is_finished
    (detail,) = RunDetailReader(world.ledger).read([world.find(NEW)], world.s3.now)
    assert (detail.is_direct, detail.seconds) == (True, None)


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (("claim",), RunState.LAMBDA),
        (("claim", "error"), RunState.FAILED),
        (("claim", "done"), RunState.DONE),
        (("claim", "waiting"), RunState.WAITING),
        (("claim", "delegated"), RunState.QUEUED),
    ],
)
@pytest.mark.parametrize("age", [-5, 0, 5])
def test_the_new_run_has_the_state_of_its_records_whenever_it_began(
    names: tuple[str, ...], state: RunState, age: int
) -> None:
    """Lambda may deliver the event before `scar retry` has recorded that it was sent."""
    world = World()
    for name in names:
        world.put(NEW, name, age)
    assert world.find(NEW).state is state


def test_the_last_run_of_a_chain_of_repetitions_is_awaited() -> None:
    world = World()
    world.put(NEW, "claim")
    world.put(NEW, "error")
    retry_run(world.ledger, world.find(NEW), world.enqueue)
    last = follow_repetitions(world.ledger, world.find(OLD))
    assert (last.path.run_id, last.state) == (f"9{NEW[1:]}", RunState.WAITING)
    assert follow_repetitions(world.ledger, last) == last


def test_a_repetition_that_an_earlier_release_did_not_record_has_ended() -> None:
    world = World()
    world.s3.objects = {k: v for k, v in world.s3.objects.items() if "repeats" not in k}
    found = world.find(OLD)
    assert follow_repetitions(world.ledger, found) == found


def test_the_report_names_the_other_run() -> None:
    world = World()
    for run, text in ((NEW, f"it repeats run fn/{day_of(NOW)}/{OLD}"), (OLD, f"run {NEW}")):
        found = world.find(run)
        records = {n: world.ledger.read_record(found.path, n) or {} for n in found.record_times}
        report = build_report(RunHistory(run=found, records=records, triggered_runs={}))
        assert any(text in line.text for line in report.lines), report


def test_a_run_that_lambda_never_delivered_is_lost_and_can_be_retried() -> None:
    world = World(event={"a": "x" * 100_000})
    world.s3.now += MAX_EVENT_AGE + 1
    found = world.find(NEW)
    assert found.state is RunState.LOST
    records = {record_format.REPEATS: world.ledger.read_record(found.path, "repeats") or {}}
    report = build_report(RunHistory(run=found, records=records, triggered_runs={}))
    assert "not delivered" in report.cause
    retry_run(world.ledger, found, world.enqueue)
    assert world.sent[0] == world.sent[1]
    assert world.find(NEW).state is RunState.REPEATED
    assert world.find(f"9{NEW[1:]}").state is RunState.WAITING


def test_a_run_whose_event_is_in_lambdas_queue_is_not_sent_twice() -> None:
    world = World()
    with pytest.raises(NotRetryableError, match="waits in Lambda's queue") as caught:
        retry_run(world.ledger, world.find(NEW), world.enqueue)
    assert "scar cancel" in caught.value.remedy
    assert len(world.sent) == 1


def test_the_cancelled_run_has_failed_and_can_be_retried() -> None:
    world = World()
    assert world.cancel(NEW) == ""
    found = world.find(NEW)
    assert found.state is RunState.FAILED
    assert {"claim", "done", "cancelled", "error"} <= set(found.record_times)
    records = {n: world.ledger.read_record(found.path, n) or {} for n in found.record_times}
    report = build_report(RunHistory(run=found, records=records, triggered_runs={}))
    assert not any("claimed by" in line.text for line in report.lines)
    retry_run(world.ledger, found, world.enqueue)
    assert world.sent[0] == world.sent[1]


def test_the_repeated_run_names_the_one_to_cancel() -> None:
    world = World()
    with pytest.raises(NotCancellableError) as caught:
        world.cancel(OLD)
    assert f"scar cancel {NEW}" in caught.value.remedy


def test_a_run_that_begins_before_it_is_cancelled_goes_on() -> None:
    world = World()
    found = world.find(NEW)
    world.put(NEW, "claim")
    with pytest.raises(NotCancellableError, match="started meanwhile"):
        cancel_run(world.ledger, None, found)  # type: ignore[arg-type]
    assert world.find(NEW).state is RunState.LAMBDA


@pytest.mark.parametrize("before", [1, 299, 400, 3_600, MAX_EVENT_AGE - 1])
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_run_that_begins_after_midnight_is_one_run(before: float, is_cancelled: bool) -> None:
    world = World(now=MIDNIGHT - before)
    waiting = world.find(NEW)
    if is_cancelled:
        world.cancel(NEW)
        claimed = {key for key in world.s3.objects if key.endswith(f"{NEW}/claim.json")}
        assert f"runs/fn/{day_of(MIDNIGHT)}/{NEW}/claim.json" in claimed
    world.s3.now = MIDNIGHT + 1
    if not is_cancelled:
        world.put(NEW, "claim")
    found = world.count()
    assert sum(found.states.values()) == 2
    assert world.find(NEW).state is (RunState.FAILED if is_cancelled else RunState.LAMBDA)
    assert world.find(str(waiting.path)).path == world.find(NEW).path
    assert world.ledger.read_record(world.find(NEW).path, record_format.CLAIM) is not None


def test_the_claim_of_a_slow_clock_before_midnight_is_found() -> None:
    world = World(now=MIDNIGHT + 10)
    owner = {"owner": {"site": "lambda", "request": NEW, "job": "", "attempt": 1}}
    key = f"runs/fn/{day_of(MIDNIGHT - 10)}/{NEW}/claim.json"
    world.s3.put(key, 0, record_format.encode(owner))
    assert sum(world.count().states.values()) == 2
    assert world.find(NEW).state is RunState.LAMBDA


@pytest.mark.parametrize(("seconds", "failures"), [(0, 1), (600, 1), (RETRY_SECONDS + 700, 0)])
def test_retry_and_then_wait_fails_if_the_started_runs_fail(seconds: float, failures: int) -> None:
    """Also if they have failed before `scar wait` begins; not if the retry was long ago."""
    world = World()
    world.s3.now += 2
    world.put(NEW, "claim")
    world.put(NEW, "error")
    world.s3.now += seconds + 1
    assert world.count(began=world.s3.now).failure_count == failures


def test_retry_and_then_wait_fails_for_an_object_that_is_no_input_anymore() -> None:
    world = World()
    for name, age in (("claim", 400), ("error", 390), ("retry", 9)):
        world.put("a" * 32, name, age)
    world.put("a" * 32, "claim", 8)
    world.put("a" * 32, "error", 7)
    assert world.count(began=NOW).failure_count == 1


@pytest.mark.parametrize(("claimed", "failures"), [(500, 1), (5_000, 0)])
def test_a_run_that_is_lost_while_it_is_waited_for_is_a_failure(
    claimed: float, failures: int
) -> None:
    """5,000 seconds ago: it was lost before. No record says when a process was lost."""
    s3 = ListedS3()
    s3.put(f"runs/fn/{day_of(NOW)}/{OLD}/claim.json", claimed)
    s3.now += 1_000
    ledger = RunLedger(s3, "state")  # type: ignore[arg-type]
    found = count_inputs(ledger, {"fn": []}, began=NOW)
    assert (found.counts["lost"], found.failure_count) == (1, failures)


API_EVENT: dict[str, object] = {
    "rawPath": "/",
    "headers": {"X-Scar-Body": BODY, "prefer": "respond-async"},
    "requestContext": {"http": {"method": "POST"}},
}


def test_a_repeated_http_request_is_a_run_that_nobody_waits_for() -> None:
    world = World(event=API_EVENT)
    (sent,) = world.sent
    (trigger,) = parse_event(json.dumps(sent).encode())
    assert isinstance(trigger, DirectInvocation)
    assert not trigger.is_api_request
    new = lookup.find_run(world.ledger, OLD)
    assert read_repetition(world.ledger, new) == record_format.run_id("fn", trigger, NEW)
    waiting = world.find(read_repetition(world.ledger, new))
    assert waiting.state is RunState.WAITING
    assert record_format.run_path("fn", trigger, NEW, "", ("", "")) == waiting.path


def test_a_repetition_that_never_began_is_repeated_as_another_run() -> None:
    world = World(event=API_EVENT)
    first = read_repetition(world.ledger, world.find(OLD))
    world.s3.now += MAX_EVENT_AGE + RETRY_SECONDS + 1
    retry_run(world.ledger, world.find(first), world.enqueue)
    one, other = (parse_event(json.dumps(sent).encode())[0] for sent in world.sent)
    assert isinstance(one, DirectInvocation)
    assert isinstance(other, DirectInvocation)
    assert one.accepted != other.accepted
    ids = {trigger.request.body_id for trigger in (one, other) if trigger.request}
    assert len(ids) == 2
    assert {world.s3.objects[f"requests/fn/{body}"][0] for body in ids} == {b"large"}
    assert BODY not in ids


def test_a_request_whose_body_has_expired_starts_nothing() -> None:
    with pytest.raises(NotRetryableError, match="body of the request does not exist"):
        World(event=API_EVENT, keeps_body=False)
    world = World(event=API_EVENT)
    first = read_repetition(world.ledger, world.find(OLD))
    world.s3.now += MAX_EVENT_AGE + RETRY_SECONDS + 1
    world.s3.objects = {k: v for k, v in world.s3.objects.items() if not k.startswith("requests/")}
    before = dict(world.s3.objects)
    with pytest.raises(NotRetryableError, match="body of the request does not exist"):
        retry_run(world.ledger, world.find(first), world.enqueue)
    assert (len(world.sent), world.s3.objects) == (1, before)


@pytest.mark.parametrize("size", [786_400, 4_500_000])
def test_a_body_too_large_for_an_event_is_repeated_from_the_state_bucket(size: int) -> None:
    data = base64.b64encode(b"\xff" * size).decode()
    world = World(event={**API_EVENT, "headers": {}, "body": data, "isBase64Encoded": True})
    (sent,) = world.sent
    assert len(json.dumps(sent)) < 1000
    (trigger,) = parse_event(json.dumps(sent).encode())
    assert isinstance(trigger, DirectInvocation)
    assert trigger.request is not None
    stored, _ = world.s3.objects[f"requests/fn/{trigger.request.body_id}"]
    assert stored == b"\xff" * size
    assert world.find(read_repetition(world.ledger, world.find(OLD))).state is RunState.WAITING


def test_an_event_that_cannot_be_sent_is_said_to_be_too_large() -> None:
    with pytest.raises(NotRetryableError, match=r"has 1,048,\d+ bytes; Lambda's queue takes"):
        World(event={"a": "x" * (1 << 20)})
