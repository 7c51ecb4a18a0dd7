"""Runs the events of the queue: in order, retried, until they are done, too old or given up."""

from __future__ import annotations

import dataclasses
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scar.errors import ScarError
from scar.local.lambda_.invocation_record import InvocationCondition, build_invocation_record
from scar.local.lambda_.model import LambdaApiError
from scar.local.lambda_.worker import InvocationInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.lambda_.event_queue import EventQueue, QueuedEvent
    from scar.local.lambda_.model import (
        DeployedFunction,
        FunctionRegistry,
        LambdaInvokeResult,
        RecordSender,
    )
    from scar.local.lambda_.pool import WorkerPool
    from scar.local.lambda_.worker import Worker

log = logging.getLogger(__name__)

_POLL_INTERVAL: Final = 1.0  # seconds until functions that were not ready are asked for again
_ERROR_BACKOFF: Final = 30.0  # seconds to wait after a fault of our own
_DELIVERY_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncInvokerSettings:
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
        functions: FunctionRegistry,
        pool: WorkerPool[Worker],
        send: RecordSender,
        settings: AsyncInvokerSettings,
        clock: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._functions = functions
        self._pool = pool
        self._send = send
        self._settings = settings
        self._clock = clock
        self._changed = threading.Condition()
        self._woken = False
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="event")
        self._thread = threading.Thread(
            target=self._dispatch_until_closed, name="event queue", daemon=True
        )

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

    def _dispatch_until_closed(self) -> None:
        while not self._closed.is_set():
            self._dispatch_due_events()
            due = self._queue.next_due_time()
            pause = _POLL_INTERVAL if due is None else max(due - self._clock(), 0.0)
            with self._changed:
                # What is due and could not be started waits for a place, not for the time.
                self._changed.wait_for(
                    lambda: self._woken, min(pause, _POLL_INTERVAL) or _POLL_INTERVAL
                )
                self._woken = False

    def _dispatch_due_events(self) -> None:
        try:
            while self._dispatch_next_event():
                pass
        except Exception:  # one event's trouble must not end the queue
            log.exception("the event queue met a fault of the local cloud")

    def _dispatch_next_event(self) -> bool:
        """Begin with one event; False if there is none that can run."""
        now = self._clock()
        for arn in self._queue.ready_functions(now):
            if self._closed.is_set():
                return False
            event = self._queue.take(arn, now)
            if event is not None and self._dispatch_event(event, now):
                return True
        return False

    def _dispatch_event(self, event: QueuedEvent, now: float) -> bool:
        function = self._functions.get(event.function_arn)
        if function is None:
            log.warning("event %s dropped: %s is gone", event.request_id, event.function_arn)
            self._queue.delete(event)
            return True
        if now - event.enqueued >= function.max_event_age:
            self._executor.submit(
                self._complete_event, function, event, InvocationCondition.EVENT_AGE_EXCEEDED
            )
            return True
        if function.reserved_concurrency == 0:
            self._executor.submit(
                self._complete_event, function, event, InvocationCondition.RETRIES_EXHAUSTED
            )
            return True
        worker = self._lease_worker(function)
        if worker is None:
            self._queue.restore(event)
            return False
        self._executor.submit(self._run_event, function, worker, event)
        return True

    def _lease_worker(self, function: DeployedFunction) -> Worker | None:
        if function.state != "Active":
            return None
        try:
            return self._pool.lease(function)
        except LambdaApiError:
            return None

    def _run_event(self, function: DeployedFunction, worker: Worker, event: QueuedEvent) -> None:
        try:
            result = worker.invoke(event.request_id, event.payload)
        except InvocationInterrupted:
            return
        except Exception:
            log.exception("event %s met a fault of the local cloud", event.request_id)
            self._queue.requeue(event, self._clock() + _ERROR_BACKOFF)
            return
        finally:
            self._pool.release(worker)
        self._handle_result(function, event, result)
        self.wake()

    def _handle_result(
        self, function: DeployedFunction, event: QueuedEvent, result: LambdaInvokeResult
    ) -> None:
        if result.function_error and event.attempts < function.retries:
            waits = self._settings.retry_waits
            wait = waits[min(event.attempts, len(waits) - 1)]
            due = min(self._clock() + wait, event.enqueued + function.max_event_age)
            self._queue.requeue(event, due, failed_with=result.payload)
            return
        tried = dataclasses.replace(
            event, attempts=event.attempts + 1, last_response=result.payload
        )
        condition = (
            InvocationCondition.RETRIES_EXHAUSTED
            if result.function_error
            else InvocationCondition.SUCCESS
        )
        self._complete_event(function, tried, condition)

    def _complete_event(
        self, function: DeployedFunction, event: QueuedEvent, condition: InvocationCondition
    ) -> None:
        """Tell the destination, then forget the event: rather told twice than never."""
        succeeded = condition is InvocationCondition.SUCCESS
        if not succeeded:
            log.info("event %s of %s is lost: %s", event.request_id, function.name, condition)
        arn = function.on_success if succeeded else function.on_failure
        if arn and not self._deliver_record(
            arn, build_invocation_record(event, condition, self._clock())
        ):
            return
        self._queue.delete(event)

    def _deliver_record(self, arn: str, payload: bytes) -> bool:
        """Send the record; False if the service was closed before that was decided."""
        for attempt in range(_DELIVERY_ATTEMPTS):
            try:
                self._send(arn, payload)
                return True
            except ScarError as error:
                log.warning("no record to %s: %s", arn, error.problem)
            if self._closed.wait(attempt + 1.0):
                return False
        log.error("the destination %s got no record after %d attempts", arn, _DELIVERY_ATTEMPTS)
        return True
