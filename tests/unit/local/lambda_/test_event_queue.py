from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scar.local.lambda_ import event_queue
from scar.local.lambda_.event_queue import EventQueue, QueuedEvent
from tests.profiles import examples


class Queue(RuleBasedStateMachine):
    """Compares the queue with a simple model: unfinished events are there, also after reopening."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "events.sqlite"
        self.now = 1000.0
        self.skew = 0.0
        self.queue = self.open()
        self.put_so_far = 0
        self.waiting: dict[str, tuple[str, float, int]] = {}
        self.taken: dict[str, QueuedEvent] = {}

    def open(self) -> EventQueue:
        return EventQueue(self.path, clock=lambda: self.now + self.skew, timer=lambda: self.now)

    @rule(seconds=st.sampled_from([-86400.0, -7200.0, -1.0, 3600.0, 10 * 86400.0]))
    def set_the_clock(self, seconds: float) -> None:
        """The clock stays wrong: what it wrote into the file is compared below."""
        self.skew = (self.skew or 0.5) + seconds  # never 0 again

    @rule(arn=st.sampled_from(["f", "g"]))
    def put(self, arn: str) -> None:
        self.put_so_far += 1
        request_id = f"r{self.put_so_far}"
        self.queue.put(arn, request_id, request_id.encode())
        self.waiting[request_id] = (arn, self.now, 0)

    @rule(arn=st.sampled_from(["f", "g"]))
    def take(self, arn: str) -> None:
        event = self.queue.take(arn)
        due = [(when, key) for key, (of, when, _) in self.waiting.items() if of == arn]
        if not due or min(due)[0] > self.now:
            assert event is None
            return
        assert event is not None
        _, when, attempts = self.waiting.pop(event.request_id)
        assert (when, attempts) == (min(due)[0], event.attempts)
        assert event.payload == event.request_id.encode()
        self.taken[event.request_id] = event

    @precondition(lambda self: self.taken)
    @rule()
    def done(self) -> None:
        self.queue.delete(self.taken.popitem()[1])

    @precondition(lambda self: self.taken)
    @rule()
    def untake(self) -> None:
        _, event = self.taken.popitem()
        self.queue.restore(event)
        self.waiting[event.request_id] = (event.function_arn, event.due, event.attempts)

    @precondition(lambda self: self.taken)
    @rule(wait=st.integers(0, 100))
    def fail(self, wait: int) -> None:
        _, event = self.taken.popitem()
        due = self.now + wait
        self.queue.requeue(event, wait, failed_with=b"no")
        self.waiting[event.request_id] = (event.function_arn, due, event.attempts + 1)

    @rule(seconds=st.integers(1, 50))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: not self.skew)  # a restart with a wrong clock: see below
    @rule()
    def die_and_come_back(self) -> None:
        self.queue.close()
        self.queue = self.open()
        for event in self.taken.values():
            self.waiting[event.request_id] = (event.function_arn, event.due, event.attempts)
        self.taken.clear()

    @invariant()
    def everything_is_accounted_for(self) -> None:
        assert len(self.queue) == len(self.waiting)
        due = min((when for _, when, _ in self.waiting.values()), default=None)
        assert self.queue.seconds_until_due() == (None if due is None else max(due - self.now, 0))
        ready = {of for of, when, _ in self.waiting.values() if when <= self.now}
        assert set(self.queue.ready_functions()) == ready

    def teardown(self) -> None:
        self.queue.close()
        self.folder.cleanup()


Queue.TestCase.settings = settings(max_examples=examples(25), stateful_step_count=30)
TestQueue = Queue.TestCase


def take(queue: EventQueue) -> QueuedEvent:
    event = queue.take("arn")
    assert event is not None
    return event


def test_the_trace_of_an_event_survives_a_restart_and_a_retry(tmp_path: Path) -> None:
    queue = EventQueue(tmp_path / "queue")
    queue.put("arn", "r", b"{}", "Root=1")
    queue.requeue(take(queue), 0.0, failed_with=b"no")
    queue.close()
    queue = EventQueue(tmp_path / "queue")
    event = take(queue)
    queue.close()
    assert (event.trace, event.attempts) == ("Root=1", 1)


@pytest.mark.parametrize("jump", [-(10**6), -7200, -1, 0, 1, 7200, 10**6])
def test_a_clock_that_is_set_delays_no_event_and_makes_none_older(
    tmp_path: Path, jump: int
) -> None:
    clock, timer = [10.0**9], [5.0]
    queue = EventQueue(tmp_path / "queue", clock=lambda: clock[0], timer=lambda: timer[0])
    queue.put("arn", "first", b"{}")
    clock[0] += jump
    queue.put("arn", "second", b"{}")
    first = take(queue)
    assert (first.request_id, queue.age(first)) == ("first", 0.0)
    queue.requeue(first, 60.0, failed_with=b"no")
    clock[0] -= jump
    assert take(queue).request_id == "second"
    assert queue.seconds_until_due() == 60.0
    timer[0] += 60.0
    assert queue.ready_functions() == ["arn"]
    queue.close()


@pytest.mark.parametrize("attempts", [0, 1])
@pytest.mark.parametrize("jump", [-(10**6), -7200])
def test_an_event_is_due_after_a_restart_with_an_earlier_clock(
    tmp_path: Path, jump: int, attempts: int
) -> None:
    queue = EventQueue(tmp_path / "queue", clock=lambda: 10.0**9, timer=lambda: 0.0)
    queue.put("arn", "r", b"{}")
    for _ in range(attempts):
        queue.requeue(take(queue), 60.0, failed_with=b"no")
    queue.close()
    queue = EventQueue(tmp_path / "queue", clock=lambda: 10.0**9 + jump, timer=lambda: 0.0)
    event = take(queue)
    assert (event.request_id, queue.age(event)) == ("r", 0.0)
    queue.close()


def test_a_delayed_event_and_a_retry_wait_for_their_time_after_a_restart(tmp_path: Path) -> None:
    queue = EventQueue(tmp_path / "queue", clock=lambda: 1000.0, timer=lambda: 7.0)
    queue.put("arn", "retried", b"{}")
    queue.requeue(take(queue), 60.0, failed_with=b"no")
    queue.put("other", "delayed", b"{}", delay=20.0)
    queue.close()
    queue = EventQueue(tmp_path / "queue", clock=lambda: 1010.0, timer=lambda: 3.0)
    assert queue.seconds_until_due() == 10.0
    assert queue.ready_functions() == []
    queue.close()


def test_events_of_an_earlier_release_run(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "queue") as old:
        old.execute(
            "CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL,"
            " function_arn TEXT NOT NULL, payload BLOB NOT NULL, enqueued REAL NOT NULL,"
            " due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, answer BLOB)"
        )
        old.execute(
            "INSERT INTO event (request_id, function_arn, payload, enqueued, due)"
            " VALUES ('r', 'arn', x'31', 1, 1)"
        )
    old.close()
    queue = EventQueue(tmp_path / "queue")
    event = take(queue)
    queue.close()
    assert (event.request_id, event.trace) == ("r", "")


def rows_in(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as file:
        return int(file.execute("SELECT count(*) FROM event").fetchone()[0])


def finish_all(queue: EventQueue, count: int) -> None:
    for number in range(count):
        queue.put("f", f"r{number}", b"{}")
    for _ in range(count):
        event = queue.take("f")
        assert event is not None
        queue.delete(event)


def test_finished_events_are_deleted_from_the_file_together(tmp_path: Path) -> None:
    queue = EventQueue(tmp_path / "queue")
    finish_all(queue, 31)
    assert rows_in(tmp_path / "queue") == 31
    finish_all(queue, 1)
    assert rows_in(tmp_path / "queue") == 0
    finish_all(queue, 1)
    queue.flush()
    assert rows_in(tmp_path / "queue") == 0
    queue.close()


def test_a_killed_process_loses_no_event_and_repeats_only_those_not_yet_deleted(
    tmp_path: Path,
) -> None:
    killed = EventQueue(tmp_path / "queue")
    finish_all(killed, 32)
    finish_all(killed, 1)
    killed.put("f", "unfinished", b"{}")
    taken = killed.take("f")
    with contextlib.closing(EventQueue(tmp_path / "queue")) as queue:
        found = [queue.take("f") for _ in range(3)]
        assert [event and event.request_id for event in found] == ["r0", "unfinished", None]
    assert taken is not None
    killed.close()


def test_payloads_beyond_the_memory_for_them_are_read_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queue, "_KEPT_BYTES", 10)
    with contextlib.closing(EventQueue(tmp_path / "queue")) as queue:
        for number in range(5):
            queue.put("f", f"r{number}", b"%d" % number * 4, f"Root={number}")
        for number in range(5):
            event = queue.take("f")
            assert event is not None
            content = (event.request_id, event.payload, event.trace)
            assert content == (f"r{number}", b"%d" % number * 4, f"Root={number}")
        assert queue._kept_bytes == 0
