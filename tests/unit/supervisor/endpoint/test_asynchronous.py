"""Asynchronous requests: accepted with the id of their run, which then is an event of Lambda's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scar.runs.cancel import cancel_run
from scar.runs.ledger import RunLedger
from scar.runs.lookup import find_run
from scar.runs.retry import NotRetryableError, retry_run
from scar.runs.states import MAX_EVENT_AGE, RunState
from supervisor.errors import EventError, RequestRefused
from supervisor.events import response
from supervisor.events.parser import parse_event
from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome
from supervisor.runs import record_format
from tests.fakes.s3_listing_client import ListedS3
from tests.fakes.supervisor_factory import (
    NOW,
    STATE,
    TIMED_OUT,
    failed_invocation,
    lambda_invocation,
    new_failure_handler,
)
from tests.unit.supervisor.endpoint.endpoint_harness import a_request, new_endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.supervisor.endpoint.endpoint_harness import EndpointHarness

EVENT = {"X-Amz-Invocation-Type": "Event"}


def accepted(harness: EndpointHarness, body: bytes = b"x") -> dict[str, Any]:
    answer = harness.send(a_request(body, headers=EVENT))
    assert answer.status == 202
    assert answer.headers["x-scar-run-id"] == "req-1"
    (event,) = harness.services.events
    found: dict[str, Any] = json.loads(event)
    return found


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (EVENT, 202),
        ({"x-amz-invocation-type": "event"}, 202),
        ({"Prefer": "wait=5, respond-async; x=1"}, 202),
        ({"Prefer": "return=minimal"}, 200),
        ({"X-Amz-Invocation-Type": "RequestResponse"}, 200),
        ({"X-Amz-Invocation-Type": "DryRun"}, 400),
    ],
)
def test_two_headers_make_a_request_asynchronous(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    assert new_endpoint(tmp_path).send(a_request(b"x", headers=headers)).status == status


def test_the_run_has_the_id_of_the_answer(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, 'cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"\n')
    event = accepted(harness)
    (name,) = harness.stored("runs/")
    assert name.endswith("/req-1/accepted.json")
    handled = harness.fakes.supervisor.handle(lambda_invocation(event, request="req-2"))
    (result,) = handled.results
    assert (result.run.run_id, result.state) == ("req-1", RunOutcome.DONE)
    assert not handled.is_api_request
    assert harness.fakes.store.keys()["out/event-file-req-1"] == b"x"
    assert any("/req-1/done" in key for key in harness.stored("runs/fn/"))


def test_a_run_that_starts_after_midnight_has_the_date_of_the_answer(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    event = accepted(harness)
    day = event["scar_request"]["date"]
    harness.fakes.supervisor = replace(harness.fakes.supervisor, now=lambda: NOW + 86_400)
    invocation = lambda_invocation(event, request="req-2", seconds=90_000)
    harness.fakes.supervisor.handle(invocation)
    assert f"runs/fn/{day}/req-1/done.json" in harness.stored("runs/")


def test_the_recorded_request_is_not_asynchronous(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    harness.send(a_request(b"x", headers={"prefer": "respond-async"}))
    (event,) = harness.services.events
    assert b"respond-async" not in event


def test_what_lambda_delivers_twice_runs_once(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    event = accepted(harness)
    states = [
        harness.fakes.supervisor.handle(lambda_invocation(event, request=number)).results[0].state
        for number in ("req-2", "req-3")
    ]
    assert states == [RunOutcome.DONE, RunOutcome.DUPLICATE]


def test_an_accepted_request_sends_no_other(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    event = accepted(harness)
    # Whatever headers it has: with the marker it is not asynchronous.
    event["scar_request"]["event"]["headers"] |= {"prefer": "respond-async"}
    harness.fakes.supervisor.handle(lambda_invocation(event, request="req-2"))
    assert len(harness.services.events) == 1


def test_a_failure_is_an_error_of_lambda_which_repeats_it(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, "exit 3\n")
    event = accepted(harness)
    for number in ("req-2", "req-2"):
        handled = harness.fakes.supervisor.handle(lambda_invocation(event, request=number))
        assert response.find_error(handled) is not None
        assert handled.results[0].run.run_id == "req-1"


def test_the_failure_handler_finds_the_run_of_the_answer(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, mode=ExecutionMode.LAMBDA_BATCH)
    event = accepted(harness)
    supervisor = harness.fakes.supervisor
    invocation = lambda_invocation(event, request="req-2")
    (trigger,) = parse_event(invocation.event)
    run = record_format.run_path("fn", trigger, "req-2", "2026-09-21", ("", ""))
    from supervisor.runs.run_record import RunRecord

    claim = RunRecord(
        store=harness.fakes.store,
        bucket=supervisor.config.state_bucket,
        run=run,
        owner=invocation.owner,
        description=record_format.describe_trigger(trigger),
    )
    assert claim.claim()
    handler = new_failure_handler(harness.fakes)
    (result,) = handler.handle(failed_invocation(event, TIMED_OUT, request="req-2")).results
    assert (result.run.run_id, result.state) == ("req-1", RunOutcome.SUBMITTED)


def test_a_body_above_the_limit_of_an_event_is_stored(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, 'wc -c < "$INPUT_FILE_PATH"\n')
    event = accepted(harness, b"x" * 1_000_000)
    assert len(json.dumps(event)) < 2000
    (stored,) = harness.stored("requests/fn/").values()
    assert len(stored) == 1_000_000
    handled = harness.fakes.supervisor.handle(lambda_invocation(event, request="req-2"))
    assert handled.results[0].output.strip() == b"1000000"


def test_batch_takes_the_run_without_a_second_event(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path, mode=ExecutionMode.BATCH)
    answer = harness.send(a_request(b"x", headers=EVENT))
    assert (answer.status, answer.headers["x-scar-job-id"]) == (202, "job-1")
    assert not harness.services.events


def test_a_request_that_lambda_does_not_take_is_not_accepted(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    harness.services.refusal = RequestRefused("No.", status=503, retry_after=5)
    answer = harness.send(a_request(b"x", headers=EVENT))
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert not harness.stored("runs/")


def test_an_accepted_run_waits_until_lambda_has_dropped_its_event(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    event = accepted(harness)
    ((key, record),) = harness.stored("runs/").items()
    assert json.loads(json.loads(record)["event"]) == event
    s3 = ListedS3()
    s3.put(key, 0, record)
    ledger = RunLedger(s3, STATE)  # type: ignore[arg-type]
    assert find_run(ledger, key[5:-14]).state is RunState.WAITING
    with pytest.raises(NotRetryableError, match="waits in Lambda's queue"):
        retry_run(ledger, find_run(ledger, key[5:-14]), lambda *_: "req-9")
    s3.now += MAX_EVENT_AGE + 1
    lost = find_run(ledger, key[5:-14])
    assert lost.state is RunState.LOST
    sent: list[dict[str, object]] = []

    def enqueue(function: str, again: dict[str, object]) -> str:
        sent.append(again)
        return f"req-{function}"

    retry_run(ledger, lost, enqueue)
    (again,) = sent
    assert again["scar_request"]["event"] == event["scar_request"]["event"]  # type: ignore[index]


def test_an_accepted_run_that_is_cancelled_starts_nothing(tmp_path: Path) -> None:
    harness = new_endpoint(tmp_path)
    event = accepted(harness)
    ((key, record),) = harness.stored("runs/").items()
    s3 = ListedS3()
    s3.put(key, 0, record)
    ledger = RunLedger(s3, STATE)  # type: ignore[arg-type]
    cancel_run(ledger, None, find_run(ledger, key[5:-14]))  # type: ignore[arg-type]
    for name, (body, _) in s3.objects.items():
        harness.fakes.store.put(name, body, bucket=STATE)
    handled = harness.fakes.supervisor.handle(lambda_invocation(event, request="req-2"))
    assert handled.results[0].state is RunOutcome.DUPLICATE
    assert find_run(ledger, key[5:-14]).state is RunState.FAILED


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"run": "../x", "date": "2026-01-01", "event": {}},
        {"run": "x", "date": "2026", "event": {}},
        {"run": "x", "date": 5, "event": {}},
        {"run": "x", "date": "2026-01-01", "event": 5},
    ],
)
def test_a_marker_without_a_run_is_no_event(content: object) -> None:
    with pytest.raises(EventError):
        parse_event(json.dumps({"scar_request": content}).encode())
