"""Runs the events of the queue: in order, retried, until they are done, too old or given up."""

from __future__ import annotations

import dataclasses
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scar.errors import ScarError
from scar.local.lambda_.invocation_record import Condition, record
from scar.local.lambda_.model import ApiError
from scar.local.lambda_.worker import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.lambda_.event_queue import Event, EventQueue
    from scar.local.lambda_.model import DeployedFunction, Destination, FunctionDirectory, Result
    from scar.local.lambda_.pool import Pool
    from scar.local.lambda_.worker import Worker

log = logging.getLogger(__name__)

_LOOK_AGAIN: Final = 1.0  # seconds until functions that were not ready are asked for again
_AFTER_FAULT: Final = 30.0  # seconds to wait after a fault of our own
_DELIVERIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Seconds before the first and the second retry, and how many calls may run at once."""

    retry_waits: tuple[float, ...]
    concurrency: int


class AsyncInvoker:
    """Starts an event as soon as there is a place for it.

    Lambda slows its reading down where it is throttled; here a function without a free place
    is passed over until one is free, so waiting costs no attempts.
    """

    def __init__(
        self,
        queue: EventQueue,
        directory: FunctionDirectory,
        pool: Pool[Worker],
        send: Destination,
        rules: Rules,
        clock: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._directory = directory
        self._pool = pool
        self._send = send
        self._rules = rules
        self._clock = clock
        self._changed = threading.Condition()
        self._woken = False
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(rules.concurrency, thread_name_prefix="event")
        self._thread = threading.Thread(target=self._loop, name="event queue", daemon=True)

    def start(self) -> None:
        """Begin with what is in the queue."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue now: an event came, a place is free, or the clock was moved."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def stop(self) -> None:
        """Start nothing more."""
        self._closed.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def join(self) -> None:
        """Wait for what was started; call after the pool was closed."""
        self._executor.shutdown()

    def _loop(self) -> None:
        while not self._closed.is_set():
            self._start_all()
            due = self._queue.next_due()
            pause = _LOOK_AGAIN if due is None else max(due - self._clock(), 0.0)
            with self._changed:
                # What is due and could not be started waits for a place, not for the time.
                self._changed.wait_for(lambda: self._woken, min(pause, _LOOK_AGAIN) or _LOOK_AGAIN)
                self._woken = False

    def _start_all(self) -> None:
        try:
            while self._start_one():
                pass
        except Exception:  # one event's trouble must not end the queue
            log.exception("the event queue met a fault of the local cloud")

    def _start_one(self) -> bool:
        """Begin with one event; False if there is none that can run."""
        now = self._clock()
        for arn in self._queue.ready(now):
            if self._closed.is_set():
                return False
            event = self._queue.take(arn, now)
            if event is not None and self._begin(event, now):
                return True
        return False

    def _begin(self, event: Event, now: float) -> bool:
        function = self._directory.get(event.function_arn)
        if function is None:
            log.warning("event %s dropped: %s is gone", event.request_id, event.function_arn)
            self._queue.done(event)
            return True
        if now - event.enqueued >= function.max_event_age:
            self._executor.submit(self._finish, function, event, Condition.EVENT_AGE_EXCEEDED)
            return True
        if function.reserved_concurrency == 0:
            self._executor.submit(self._finish, function, event, Condition.RETRIES_EXHAUSTED)
            return True
        worker = self._lease(function)
        if worker is None:
            self._queue.untake(event)
            return False
        self._executor.submit(self._run, function, worker, event)
        return True

    def _lease(self, function: DeployedFunction) -> Worker | None:
        if function.state != "Active":
            return None
        try:
            return self._pool.lease(function)
        except ApiError:
            return None

    def _run(self, function: DeployedFunction, worker: Worker, event: Event) -> None:
        try:
            result = worker.invoke(event.request_id, event.payload)
        except Interrupted:
            return
        except Exception:
            log.exception("event %s met a fault of the local cloud", event.request_id)
            self._queue.put_back(event, self._clock() + _AFTER_FAULT)
            return
        finally:
            self._pool.give_back(worker)
        self._settle(function, event, result)
        self.wake()

    def _settle(self, function: DeployedFunction, event: Event, result: Result) -> None:
        if result.function_error and event.attempts < function.retries:
            waits = self._rules.retry_waits
            wait = waits[min(event.attempts, len(waits) - 1)]
            due = min(self._clock() + wait, event.enqueued + function.max_event_age)
            self._queue.put_back(event, due, failed_with=result.payload)
            return
        tried = dataclasses.replace(event, attempts=event.attempts + 1, answer=result.payload)
        condition = Condition.RETRIES_EXHAUSTED if result.function_error else Condition.SUCCESS
        self._finish(function, tried, condition)

    def _finish(self, function: DeployedFunction, event: Event, condition: Condition) -> None:
        """Tell the destination, then forget the event: rather told twice than never."""
        succeeded = condition is Condition.SUCCESS
        if not succeeded:
            log.info("event %s of %s is lost: %s", event.request_id, function.name, condition)
        arn = function.on_success if succeeded else function.on_failure
        if arn and not self._deliver(arn, record(event, condition, self._clock())):
            return
        self._queue.done(event)

    def _deliver(self, arn: str, told: bytes) -> bool:
        """Send the record; False if the service was closed before that was decided."""
        for attempt in range(_DELIVERIES):
            try:
                self._send(arn, told)
                return True
            except ScarError as error:
                log.warning("no record to %s: %s", arn, error.problem)
            if self._closed.wait(attempt + 1.0):
                return False
        log.error("the destination %s got no record after %d attempts", arn, _DELIVERIES)
        return True
