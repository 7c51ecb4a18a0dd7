from __future__ import annotations

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scar.local.lambda_.event_queue import EventQueue, QueuedEvent
from tests.profiles import examples


class Queue(RuleBasedStateMachine):
    """Compares the queue with a simple model: unfinished events are there, also after reopening."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "events.sqlite"
        self.queue = EventQueue(self.path)
        self.now = 1000.0
        self.put_so_far = 0
        self.waiting: dict[str, tuple[str, float, int]] = {}
        self.taken: dict[str, QueuedEvent] = {}

    @rule(arn=st.sampled_from(["f", "g"]))
    def put(self, arn: str) -> None:
        self.put_so_far += 1
        request_id = f"r{self.put_so_far}"
        self.queue.put(arn, request_id, request_id.encode(), self.now)
        self.waiting[request_id] = (arn, self.now, 0)

    @rule(arn=st.sampled_from(["f", "g"]))
    def take(self, arn: str) -> None:
        event = self.queue.take(arn, self.now)
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
        self.queue.requeue(event, due, failed_with=b"no")
        self.waiting[event.request_id] = (event.function_arn, due, event.attempts + 1)

    @rule(seconds=st.integers(1, 50))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def die_and_come_back(self) -> None:
        self.queue.close()
        self.queue = EventQueue(self.path)
        for event in self.taken.values():
            self.waiting[event.request_id] = (event.function_arn, event.due, event.attempts)
        self.taken.clear()

    @invariant()
    def everything_is_accounted_for(self) -> None:
        assert len(self.queue) == len(self.waiting)
        due = min((when for _, when, _ in self.waiting.values()), default=None)
        assert self.queue.next_due_time() == due
        ready = {of for of, when, _ in self.waiting.values() if when <= self.now}
        assert set(self.queue.ready_functions(self.now)) == ready

    def teardown(self) -> None:
        self.queue.close()
        self.folder.cleanup()


Queue.TestCase.settings = settings(max_examples=examples(25), stateful_step_count=30)
TestQueue = Queue.TestCase


def test_the_trace_of_an_event_survives_a_restart_and_a_retry(tmp_path: Path) -> None:
    queue = EventQueue(tmp_path / "queue")
    queue.put("arn", "r", b"{}", 1.0, "Root=1")
    event = queue.take("arn", 1.0)
    assert event is not None
    queue.requeue(event, 2.0, failed_with=b"no")
    queue.close()
    queue = EventQueue(tmp_path / "queue")
    event = queue.take("arn", 2.0)
    queue.close()
    assert event is not None
    assert (event.trace, event.attempts) == ("Root=1", 1)


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
    event = queue.take("arn", 2.0)
    queue.close()
    assert event is not None
    assert (event.request_id, event.trace) == ("r", "")
