"""Queued events: retries, ages, the destination of failed events."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from scar.local.lambda_.lineage import parse_chain
from supervisor.events.failed_event import parse_invocation_record
from tests.functional.local.lambda_.fakes import ManualClock, a_cloud, a_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.functional.local.lambda_.fakes import LambdaCloud

QUEUE = "arn:aws:sqs:us-east-1:123456789012:lost"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(tmp_path: Path, clock: ManualClock) -> Iterator[LambdaCloud]:
    made = a_cloud(tmp_path, clock=clock)
    yield made
    made.close()


def wait_for(truth: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.01)


def settled(cloud: LambdaCloud) -> bool:
    status = cloud.service.status()
    return status.running == 0


def waits_for_retry(cloud: LambdaCloud, after: int) -> bool:
    return attempts(cloud) == after and cloud.service.status().queued == 1


def attempts(cloud: LambdaCloud) -> int:
    return cloud.logs.text.count("START RequestId")


def move(cloud: LambdaCloud, clock: ManualClock, seconds: float) -> None:
    clock.now += seconds
    cloud.service.wake()


def test_an_event_runs_with_the_request_id_of_its_enqueueing(
    cloud: LambdaCloud, tmp_path: Path
) -> None:
    function = cloud.functions.put(a_function())
    marks = tmp_path / "marks"
    request_id = cloud.service.enqueue(
        function.arn, json.dumps({"do": "mark", "path": str(marks)}).encode()
    )
    wait_for(marks.exists)
    wait_for(lambda: settled(cloud))
    assert marks.read_text() == f"{request_id}\n"


def test_more_events_than_places_all_run_once(cloud: LambdaCloud, tmp_path: Path) -> None:
    function = cloud.functions.put(a_function())
    marks = tmp_path / "marks"
    event = json.dumps({"do": "mark", "path": str(marks)}).encode()
    sent = {cloud.service.enqueue(function.arn, event) for _ in range(40)}
    wait_for(lambda: marks.exists() and len(marks.read_text().splitlines()) >= 40)
    assert sorted(marks.read_text().splitlines()) == sorted(sent)
    assert cloud.logs.text.count("Init Duration") <= 2


def test_a_failing_event_is_retried_after_one_and_two_minutes_then_reported(
    timed: LambdaCloud, clock: ManualClock
) -> None:
    function = timed.functions.put(a_function(retries=2, on_failure=QUEUE))
    request_id = timed.service.enqueue(function.arn, b'{"do":"fail"}')
    for done, wait in ((1, 60), (2, 120)):
        wait_for(partial(waits_for_retry, timed, done))
        move(timed, clock, wait - 1)
        time.sleep(0.05)
        assert attempts(timed) == done
        move(timed, clock, 1)
    wait_for(lambda: len(timed.sent.records) == 1)
    assert attempts(timed) == 3
    arn, payload = timed.sent.records[0]
    assert arn == QUEUE
    assert json.loads(payload) == {
        "version": "1.0",
        "timestamp": "2027-01-15T08:03:00.000Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"do": "fail"},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": {"errorType": "Oops", "errorMessage": "it failed"},
    }


def test_a_success_is_reported_to_its_own_destination(timed: LambdaCloud) -> None:
    function = timed.functions.put(a_function(on_success=QUEUE, on_failure="other"))
    timed.service.enqueue(function.arn, b'{"do":"say","text":"x"}')
    wait_for(lambda: len(timed.sent.records) == 1)
    arn, payload = timed.sent.records[0]
    record = json.loads(payload)
    assert (arn, record["requestContext"]["condition"]) == (QUEUE, "Success")
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"]["event"] == {"do": "say", "text": "x"}


def test_without_retries_a_failing_event_runs_once(timed: LambdaCloud) -> None:
    function = timed.functions.put(a_function(retries=0, on_failure=QUEUE))
    timed.service.enqueue(function.arn, b'{"do":"exit","status":9}')
    wait_for(lambda: len(timed.sent.records) == 1)
    record = json.loads(timed.sent.records[0][1])
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"]["errorType"] == "Runtime.ExitError"


def test_an_event_older_than_its_age_is_reported_and_not_run_again(
    timed: LambdaCloud, clock: ManualClock
) -> None:
    function = timed.functions.put(a_function(retries=2, max_event_age=60, on_failure=QUEUE))
    timed.service.enqueue(function.arn, b'{"do":"fail"}')
    wait_for(lambda: attempts(timed) == 1 and timed.service.status().queued == 1)
    move(timed, clock, 60)
    wait_for(lambda: len(timed.sent.records) == 1)
    record = json.loads(timed.sent.records[0][1])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["responsePayload"]["errorType"] == "Oops"
    assert attempts(timed) == 1


def test_an_event_of_a_function_that_may_not_run_goes_to_the_destination(
    timed: LambdaCloud,
) -> None:
    function = timed.functions.put(a_function(reserved_concurrency=0, on_failure=QUEUE))
    timed.service.enqueue(function.arn, b"{}")
    wait_for(lambda: len(timed.sent.records) == 1)
    assert attempts(timed) == 0


def test_an_event_waits_while_its_function_is_being_updated(timed: LambdaCloud) -> None:
    function = timed.functions.put(a_function(state="Pending"))
    timed.service.enqueue(function.arn, b"{}")
    time.sleep(0.05)
    assert (attempts(timed), timed.service.status().queued) == (0, 1)
    timed.functions.put(a_function())
    timed.service.wake()
    wait_for(lambda: attempts(timed) == 1)


def test_closing_keeps_the_event_that_was_running(tmp_path: Path) -> None:
    function = a_function()
    first = a_cloud(tmp_path, function)
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    event = {"do": "meet", "folder": str(meeting), "count": 2}
    request_id = first.service.enqueue(function.arn, json.dumps(event).encode())
    wait_for(lambda: bool(list(meeting.iterdir())))
    first.close()
    (meeting / "enough").touch()
    second = a_cloud(tmp_path, function)
    try:
        wait_for(lambda: f"END RequestId: {request_id}" in second.logs.text)
        wait_for(lambda: settled(second))
        assert second.service.status().queued == 0
    finally:
        second.close()


def chain_of(arn: str, invocations: int) -> str:
    """Return the trace id of a chain that started the function so often."""
    trace = ""
    for _ in range(invocations):
        trace = parse_chain(trace).trace_id(arn, 1.0)
    return trace


def test_an_event_of_a_recursive_loop_goes_to_the_destination_without_an_attempt(
    timed: LambdaCloud,
) -> None:
    function = timed.functions.put(a_function(retries=2, on_failure=QUEUE))
    timed.service.enqueue(function.arn, b'{"a":1}', quote(chain_of(function.arn, 16)))
    wait_for(lambda: len(timed.sent.records) == 1)
    record = json.loads(timed.sent.records[0][1])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record["requestPayload"] == {"a": 1}
    assert record["responsePayload"]["errorType"] == "RecursiveInvocationException"
    assert parse_invocation_record(timed.sent.records[0][1]).is_recursion
    assert attempts(timed) == 0
    assert timed.service.status().recursive_dropped == 1
    wait_for(lambda: timed.service.status().queued == 0)


@pytest.mark.parametrize(("invocations", "allow_loop"), [(15, False), (16, True), (99, True)])
def test_an_event_of_a_shorter_chain_or_of_an_allowed_loop_runs(
    timed: LambdaCloud, invocations: int, *, allow_loop: bool
) -> None:
    function = timed.functions.put(a_function(allow_loop=allow_loop, on_failure=QUEUE))
    timed.service.enqueue(function.arn, b"{}", chain_of(function.arn, invocations))
    wait_for(lambda: attempts(timed) == 1)
    assert timed.service.status().recursive_dropped == 0


def test_a_retried_event_counts_once_in_its_chain(timed: LambdaCloud, clock: ManualClock) -> None:
    function = timed.functions.put(a_function(retries=2, on_failure=QUEUE))
    timed.service.enqueue(function.arn, b'{"do":"fail"}', chain_of(function.arn, 15))
    for attempt, wait in ((1, 60), (2, 120)):
        wait_for(partial(waits_for_retry, timed, attempt))
        move(timed, clock, wait)
    wait_for(lambda: len(timed.sent.records) == 1)
    assert attempts(timed) == 3
