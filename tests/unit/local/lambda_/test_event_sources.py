"""Queues that invoke functions: windows, sizes, partial failures, restarts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.lambda_.event_sources.mapping import EventSourceMapping
from scar.local.lambda_.event_sources.poller import EventSourcePoller
from scar.local.lambda_.event_sources.store import MappingStore
from scar.local.lambda_.model import LambdaApiError, LambdaInvokeResult
from scar.local.moto.queue_records import QueueRecord
from scar.local.sqs.store import MessageStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ARN = "arn:aws:sqs:us-east-1:123456789012:scar-events-f"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
QUEUE = QueueRecord(arn=ARN, visibility=60, delay=0, retention=1000, attributes={})
MAPPING = EventSourceMapping(
    uuid="u", queue_arn=ARN, function_arn=FUNCTION, batch_size=100, window=30, reports_failures=True
)
OK = b'{"batchItemFailures": []}'


class Queues:
    """Stands for moto's queues."""

    def get(self, reference: str, region: str = "") -> QueueRecord | None:
        del region
        return QUEUE if reference == ARN else None


class Rig:
    """A poller whose steps a test takes itself, with a clock of its own."""

    def __init__(self, folder: Path, mapping: EventSourceMapping = MAPPING) -> None:
        self.now = 1000.0
        self.path = folder / "sqs.sqlite"
        self.answer: Callable[[list[dict[str, Any]]], bytes] = lambda _records: OK
        self.batches: list[list[dict[str, Any]]] = []
        self.open()
        self.mappings.put(mapping)

    def open(self) -> None:
        self.store = MessageStore(self.path, clock=lambda: self.now)
        self.mappings = MappingStore(self.store)
        self.poller = EventSourcePoller(
            self.mappings,
            Queues(),  # type: ignore[arg-type]
            self.store,
            self.invoke,
            lambda: self.now,
        )

    def invoke(self, arn: str, payload: bytes, _trace: str, /) -> LambdaInvokeResult:
        assert arn == FUNCTION
        records = json.loads(payload)["Records"]
        self.batches.append(records)
        response = self.answer(records)
        is_error = response.startswith(b"error")
        return LambdaInvokeResult(
            request_id="r", payload=response, function_error="Unhandled" if is_error else ""
        )

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.store.send(QUEUE, body)

    def poll(self) -> list[list[str]]:
        """Poll every mapping once and wait for the invocations; return their bodies."""
        self.batches = []
        for mapping in self.mappings.list():
            self.poller._poll(mapping)
        self.poller.loop.join()
        self.poller = EventSourcePoller(
            self.mappings,
            Queues(),  # type: ignore[arg-type]
            self.store,
            self.invoke,
            lambda: self.now,
        )
        return [[record["body"] for record in batch] for batch in self.batches]

    def left(self) -> int:
        counts = self.store.counts(QUEUE)
        return counts.visible + counts.in_flight + counts.delayed


def test_a_batch_waits_for_its_window(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.send("a")
    rig.now += 29
    rig.send("b")
    assert rig.poll() == []
    rig.now += 1
    assert rig.poll() == [["a", "b"]]
    assert rig.left() == 0


def test_a_full_batch_does_not_wait(tmp_path: Path) -> None:
    rig = Rig(tmp_path, replace(MAPPING, batch_size=3))
    rig.send(*"abcdefgh")
    assert sorted(rig.poll()) == [["a", "b", "c"], ["d", "e", "f"]]
    assert rig.left() == 2


def test_a_batch_has_at_most_six_megabytes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, replace(MAPPING, batch_size=10_000, window=0, concurrency=2))
    rig.send(*(f"{n:03}" + "x" * 200_000 for n in range(40)))
    batches = rig.poll()
    assert [len(batch) for batch in sorted(batches)] == [31, 9]


def test_only_the_failed_messages_are_received_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.answer = lambda records: json.dumps(
        {"batchItemFailures": [{"itemIdentifier": records[1]["messageId"]}]}
    ).encode()
    rig.send("a", "b", "c")
    rig.now += 30
    assert rig.poll() == [["a", "b", "c"]]
    assert rig.left() == 1
    rig.answer = lambda _records: OK
    rig.now += 59
    assert rig.poll() == []
    rig.now += 31
    assert rig.poll() == [["b"]]
    assert rig.batches[0][0]["attributes"]["ApproximateReceiveCount"] == "2"


@pytest.mark.parametrize(
    "response",
    [
        b"error",
        b"[]x",
        b"[1]",
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"item": "a"}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "unknown"}]}',
    ],
)
def test_an_error_or_an_invalid_response_fails_the_whole_batch(
    tmp_path: Path, response: bytes
) -> None:
    rig = Rig(tmp_path)
    rig.answer = lambda _records: response
    rig.send("a", "b")
    rig.now += 30
    rig.poll()
    assert rig.left() == 2


@pytest.mark.parametrize("response", [b"null", b"{}", b'{"batchItemFailures": null}', OK])
def test_a_response_without_failures_is_a_success(tmp_path: Path, response: bytes) -> None:
    rig = Rig(tmp_path)
    rig.answer = lambda _records: response
    rig.send("a", "b")
    rig.now += 30
    rig.poll()
    assert rig.left() == 0


def test_messages_of_a_throttled_invocation_return_soon(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    def throttle(_records: list[dict[str, Any]]) -> bytes:
        raise LambdaApiError(429, "TooManyRequestsException", "Rate Exceeded.")

    rig.answer = throttle
    rig.send("a")
    rig.now += 30
    rig.poll()
    rig.answer = lambda _records: OK
    rig.now += 40
    assert rig.poll() == [["a"]]


def test_what_was_in_flight_is_received_again_after_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.send("a", "b")
    assert len(rig.store.receive(QUEUE, 1)) == 1
    rig.store.close()
    rig.open()
    rig.now += 30
    assert rig.poll() == [["a", "b"]]


def test_a_disabled_mapping_and_one_without_queue_receive_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, replace(MAPPING, queue_arn=f"{ARN}-other"))
    rig.send("a")
    rig.now += 99
    assert rig.poll() == []


def test_messages_that_were_delivered_too_often_move_to_the_dead_letter_queue(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path)
    limited = replace(QUEUE, dead_letters=f"{ARN}-dead", max_receives=2)
    rig.send("a")
    for _ in range(2):
        assert len(rig.store.receive(limited, 10)) == 1
        rig.now += 61
    assert rig.store.receive(limited, 10) == []
    (dead,) = rig.store.receive(replace(QUEUE, arn=f"{ARN}-dead"), 10)
    assert dead.body == "a"


def test_messages_older_than_the_retention_are_deleted(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.send("a")
    rig.now += QUEUE.retention + 1
    assert rig.left() == 0


def answering(fate: str, handled: Counter[str]) -> Callable[[list[dict[str, Any]]], bytes]:
    """Return a function that fails for all, or for every second one, and counts the others."""

    def respond(records: list[dict[str, Any]]) -> bytes:
        if fate == "fail":
            return b"error"
        failed = records[::2] if fate == "some" else []
        handled.update(r["body"] for r in records if r not in failed)
        items = [{"itemIdentifier": r["messageId"]} for r in failed]
        return json.dumps({"batchItemFailures": items}).encode()

    return respond


@given(
    st.lists(st.sampled_from(["send", "poll", "fail", "some", "restart", "wait"]), max_size=30),
    st.integers(1, 5),
)
def test_every_message_is_handled_once_or_stays(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], size: int
) -> None:
    rig = Rig(tmp_path_factory.mktemp("queue"), replace(MAPPING, batch_size=size))
    handled: Counter[str] = Counter()
    sent = 0

    for step in [*steps, "wait", "poll"]:
        match step:
            case "send":
                rig.send(str(sent))
                sent += 1
            case "restart":
                rig.store.close()
                rig.open()
            case "wait":
                rig.now += 100
            case _:
                rig.answer = answering(step, handled)
                rig.poll()
    rig.answer = answering("poll", handled)
    while rig.left():
        rig.now += 100
        rig.poll()
    assert handled == {str(n): 1 for n in range(sent)}
