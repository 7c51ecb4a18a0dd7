"""The thread that has run an event takes the next one itself, while it is its function's turn."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from scar.local.lambda_.async_invoker import AsyncInvoker, AsyncInvokerSettings
from scar.local.lambda_.event_queue import EventQueue
from scar.local.lambda_.model import DeployedFunction, LambdaInvokeResult
from scar.local.lambda_.pool import WorkerPool
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


@dataclass
class Functions:
    """Counts its calls; ``by_arn`` is what is configured."""

    by_arn: dict[str, DeployedFunction]
    reads: int = 0

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        self.reads += 1
        return self.by_arn.get(name_or_arn)


@dataclass
class Bench:
    """One slot, and workers that note what they run; the first event waits for ``gate``."""

    queue: EventQueue
    functions: Functions
    gate: threading.Event = field(default_factory=threading.Event)
    ran: list[str] = field(default_factory=list)
    workers: list[GatedWorker] = field(default_factory=list)
    error: Exception | None = None  # of sending an invocation record

    def __post_init__(self) -> None:
        self.pool = WorkerPool(
            self.make, concurrency=1, warm_limit=2, idle_limit=60, on_release=self.wake
        )
        self.invoker = AsyncInvoker(
            self.queue,
            self.functions,
            cast("WorkerPool[Any]", self.pool),
            self.send,
            AsyncInvokerSettings(retry_waits=(0.0,), concurrency=1),
            lambda: 0.0,
        )

    def make(self, function: DeployedFunction) -> GatedWorker:
        self.workers.append(GatedWorker(function, self))
        return self.workers[-1]

    def send(self, _arn: str, _record: bytes) -> None:
        if self.error is not None:
            raise self.error

    def wake(self) -> None:
        self.invoker.loop.wake()

    def put(self, name: str, request_id: str) -> None:
        self.queue.put(ARN + name, request_id, b"{}")
        self.invoker.notify_event(0.0)

    def start(self) -> None:
        """Start with one event of ``f``, which occupies the only slot."""
        self.invoker.loop.start()
        self.put("f", "first")
        until(lambda: self.ran == ["first"])


@dataclass(eq=False)
class GatedWorker:
    function: DeployedFunction
    bench: Bench
    idle_since: float = 0.0
    is_alive: bool = True

    def invoke(self, request_id: str, _payload: bytes, _trace: str) -> LambdaInvokeResult:
        self.bench.ran.append(request_id)
        assert self.bench.gate.wait(300)
        return LambdaInvokeResult(request_id=request_id, payload=b"{}")

    def flush(self) -> None: ...

    def close(self) -> None:
        self.is_alive = False


def a_function(name: str) -> DeployedFunction:
    return DeployedFunction(
        name=name, arn=ARN + name, memory_mb=128, timeout=3, image_uri="image", retries=0
    )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    functions = Functions({ARN + name: a_function(name) for name in "fg"})
    made = Bench(EventQueue(tmp_path / "events"), functions)
    yield made
    made.gate.set()
    made.invoker.loop.stop()
    made.pool.close()
    made.invoker.loop.join()
    made.queue.close()


def test_queued_events_of_a_function_need_one_lease_and_one_look_at_it_each(bench: Bench) -> None:
    bench.start()
    for number in range(50):
        bench.put("f", str(number))
    bench.gate.set()
    until(lambda: len(bench.ran) == 51 and not bench.pool.running_count)
    assert bench.ran == ["first", *map(str, range(50))]
    assert len(bench.workers) == 1
    # The loop looks once a second, also while the slot is occupied.
    assert bench.functions.reads < 51 + 20


def test_the_event_that_is_due_longest_is_next_whatever_its_function(bench: Bench) -> None:
    bench.start()
    for name, request_id in (("g", "second"), ("f", "third"), ("g", "fourth")):
        bench.put(name, request_id)
    bench.gate.set()
    until(lambda: len(bench.ran) == 4)
    assert bench.ran == ["first", "second", "third", "fourth"]


def test_a_lease_that_waits_gets_the_slot_before_the_next_event(bench: Bench) -> None:
    bench.start()
    bench.put("f", "second")
    function = bench.functions.by_arn[ARN + "g"]

    def lease() -> None:
        worker = bench.pool.lease(function, 300)
        bench.ran.append("synchronous")
        bench.pool.release(worker)

    thread = threading.Thread(target=lease)
    thread.start()
    until(lambda: not bench.pool.renew(bench.workers[0], bench.workers[0].function))
    bench.gate.set()
    thread.join(300)
    until(lambda: len(bench.ran) == 3)
    assert bench.ran == ["first", "synchronous", "second"]


def test_an_event_after_a_change_of_the_function_runs_in_a_new_sandbox(bench: Bench) -> None:
    bench.start()
    bench.put("f", "second")
    bench.functions.by_arn[ARN + "f"] = replace(a_function("f"), memory_mb=256)
    bench.gate.set()
    until(lambda: len(bench.ran) == 2)
    assert [worker.function.memory_mb for worker in bench.workers] == [128, 256]
    until(lambda: not bench.workers[0].is_alive)


@pytest.mark.parametrize("error", [sqlite3.OperationalError("full"), OSError("full")], ids=repr)
def test_an_event_whose_record_finds_a_full_disk_runs_again(bench: Bench, error: Exception) -> None:
    """Not only after the next start of the server, which may be in days."""
    bench.functions.by_arn[ARN + "f"] = replace(a_function("f"), on_success=ARN + "g")
    bench.error = error
    bench.start()
    bench.gate.set()
    until(lambda: not bench.pool.running_count and len(bench.queue) == 1)
    wait = bench.queue.seconds_until_due()
    assert wait is not None
    assert 0 < wait <= 60
    assert bench.ran == ["first"]
