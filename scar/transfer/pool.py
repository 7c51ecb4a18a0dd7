"""Applies a function to a long sequence concurrently, in constant memory."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SHUTDOWN_GRACE = 3.0  # seconds
# Seconds. A SIGINT that arrives just before the main thread blocks on a lock does not wake it,
# so no wait on a lock may be longer than this.
_POLL_INTERVAL = 0.2

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_unordered(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    *,
    workers: int,
    ahead: int = 4,
    on_cancel: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Yield the results of ``work`` for all items as they complete, in any order.

    At most ``workers * ahead`` items are in the queue. The first error ends the iteration: queued
    items are discarded, running ones get ``SHUTDOWN_GRACE`` seconds to complete; ``on_cancel`` may
    end them earlier.
    """
    pool = _Pool(work, workers)
    try:
        for item in items:
            pool.submit(item)
            if pool.pending >= workers * ahead:  # back-pressure: do not list all files at once
                yield pool.take_result()
                while pool.has_result:
                    yield pool.take_result()
        while pool.pending:
            yield pool.take_result()
    except BaseException:  # Ctrl-C, and GeneratorExit if the consumer stops, included
        on_cancel()
        pool.cancel()
        raise
    pool.end()


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[Result]):
    """What became of one item: its result, or the error that was raised."""

    result: Result | None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Task(Generic[Item]):
    item: Item


class _Pool(Generic[Item, Result]):
    """Threads that take items from one queue and put results into another.

    Each operation takes the same time, however many items are pending. A thread is started for an
    item only while there are fewer than ``workers``, and while the system has one.
    """

    def __init__(self, work: Callable[[Item], Result], workers: int) -> None:
        self._work = work
        self._workers = workers
        self._tasks: queue.SimpleQueue[_Task[Item] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[_Outcome[Result]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._is_cancelled = False
        self.pending = 0

    def submit(self, item: Item) -> None:
        """Add an item."""
        self.pending += 1
        self._tasks.put(_Task(item))
        if len(self._threads) < self._workers:
            name = f"transfer_{len(self._threads)}"
            thread = threading.Thread(target=self._run, name=name)
            try:
                thread.start()
            except RuntimeError:  # no memory, or too many threads
                if not self._threads:
                    raise
                self._workers = len(self._threads)
            else:
                self._threads.append(thread)

    @property
    def has_result(self) -> bool:
        """Whether ``take_result`` returns at once."""
        return not self._outcomes.empty()

    def take_result(self) -> Result:
        """Wait for the next item that completes; return its result or raise its error."""
        while True:
            try:
                outcome = self._outcomes.get(timeout=_POLL_INTERVAL)
                break
            except queue.Empty:
                continue
        self.pending -= 1
        if outcome.error is not None:
            try:
                raise outcome.error
            finally:
                del outcome  # the traceback of the error refers to this frame
        return outcome.result  # type: ignore[return-value] # without an error it is a Result

    def end(self) -> None:
        """End the threads, which have no item left."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def cancel(self) -> None:
        """Discard the items in the queue; wait some time for those that are running."""
        self._is_cancelled = True
        for _ in self._threads:
            self._tasks.put(None)
        end = time.monotonic() + SHUTDOWN_GRACE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._is_cancelled:
                continue
            try:
                outcome: _Outcome[Result] = _Outcome(self._work(task.item))
            except BaseException as error:  # noqa: BLE001 raised in the thread that consumes
                outcome = _Outcome(None, error)
            self._outcomes.put(outcome)
            del task, outcome  # do not keep them until the next item comes
