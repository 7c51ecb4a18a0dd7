"""Virtual time: threads that sleep without waiting. One runs at a time, in order of time."""

from __future__ import annotations

import heapq
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REAL_TIMEOUT = 300.0  # seconds, so that a faulty test ends
STACK_BYTES = 512 * 1024  # a thousand threads with the usual 8 MB are refused by small machines


def _new_signal() -> threading.Lock:
    """Return a lock that is held; one thread waits for it, another releases it.

    Several times faster than a Semaphore: a simulation makes a hundred thousand switches.
    """
    lock = threading.Lock()
    lock.acquire()
    return lock


class _Worker:
    """A thread that makes one call after another; it runs only between ``go`` and ``back``."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.go = _new_signal()
        self.call: Callable[[], None] | None = None
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        self.time.workers[threading.get_ident()] = self
        while True:
            self.go.acquire()
            if self.call is None:
                return
            try:
                self.call()
            except BaseException as error:  # noqa: BLE001 - raised by VirtualTime.run
                self.time.error = error
            self.time.idle.append(self)
            self.time.back.release()


@dataclass(slots=True)
class VirtualTime:
    """The clock of a simulation, in seconds; ``now`` and ``sleep`` replace those of ``time``."""

    start: float
    now: float = field(init=False)
    error: BaseException | None = None
    workers: dict[int, _Worker] = field(default_factory=dict)
    idle: list[_Worker] = field(default_factory=list)
    back: threading.Lock = field(default_factory=_new_signal)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.now = self.start

    def clock(self) -> float:
        return self.now

    def call_after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), call))

    def sleep(self, seconds: float) -> None:
        """Let other threads run for this time; only in a thread of ``start_thread``."""
        worker = self.workers[threading.get_ident()]
        self.call_after(seconds, lambda: self._resume(worker))
        self.back.release()
        worker.go.acquire()

    def start_thread(self, call: Callable[[], None]) -> None:
        """Make the call in a thread, up to its first sleep."""
        worker = self.idle.pop() if self.idle else self._new_worker()
        worker.call = call
        self._resume(worker)

    def run(self) -> None:
        """Run until nothing is due any more; raise what a thread raised."""
        try:
            while self._due and self.error is None:
                self.now, _, call = heapq.heappop(self._due)
                call()
            if self.error is not None:
                raise self.error
        finally:
            for worker in self.idle:
                worker.call = None
                worker.go.release()
            for worker in self.idle:
                worker.thread.join(REAL_TIMEOUT)

    def _new_worker(self) -> _Worker:
        previous = threading.stack_size(STACK_BYTES)
        try:
            return _Worker(self)
        finally:
            threading.stack_size(previous)

    def _resume(self, worker: _Worker) -> None:
        worker.go.release()
        assert self.back.acquire(timeout=REAL_TIMEOUT), "a thread did not return in time"
