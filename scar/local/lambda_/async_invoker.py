"""Runs queued events in order, with retries, until they succeed, expire or fail for good."""

from __future__ import annotations

import dataclasses
import logging
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scar.errors import ScarError
from scar.local.lambda_.dispatch_loop import POLL_INTERVAL, DispatchLoop
from scar.local.lambda_.invocation_record import InvocationCondition, build_invocation_record
from scar.local.lambda_.lineage import MAX_INVOCATIONS, parse_chain, recursion_response
from scar.local.lambda_.model import LambdaApiError
from scar.local.lambda_.worker import InvocationInterruptedError

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

_ERROR_BACKOFF: Final = 30.0  # seconds to wait after an internal error of the local cloud
_DELIVERY_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncInvokerSettings:
    """``retry_waits``: seconds before the first and second retry. ``concurrency``: invocations."""

    retry_waits: tuple[float, ...]
    concurrency: int


class AsyncInvoker:
    """Starts each event as soon as its function has a free slot.

    Lambda polls its queue more slowly when a function is throttled. Here a function without a
    free slot is skipped until one is free, so waiting does not count as an attempt. Wake ``loop``
    when a slot became free or the clock changed; join it after closing the pool.

    The loop's thread gives an event to a thread that runs it. That one takes the function's next
    event itself and keeps the worker, as long as it is the function's turn: a hand-over through
    the loop for each event costs more than a warm run's own work here.
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
        self.recursive_events_dropped = 0  # CloudWatch's RecursiveInvocationsDropped
        self.loop = DispatchLoop(
            "event queue", self._dispatch_due_events, threads=settings.concurrency
        )

    def notify_event(self, delay: float) -> None:
        """Look for events: one has arrived that is due after ``delay`` seconds."""
        # Without a free slot the thread that ends an invocation looks for the next event.
        if delay or self._pool.has_free_slot:
            self.loop.wake()

    def _dispatch_due_events(self) -> float:
        while self._dispatch_next_event():
            pass
        self._queue.flush()
        due_in = self._queue.seconds_until_due()
        # An event that is due but was not started waits for a slot, not for its time: a pause of
        # zero would make the loop spin.
        return min(due_in or POLL_INTERVAL, POLL_INTERVAL)

    def _dispatch_next_event(self) -> bool:
        """Start one event; return False if none can run now."""
        for arn in self._queue.ready_functions():
            if self.loop.is_closed:
                return False
            event = self._queue.take(arn)
            if event is not None and self._dispatch_event(event):
                return True
        return False

    def _dispatch_event(self, event: QueuedEvent) -> bool:
        function = self._functions.get(event.function_arn)
        if function is None:
            log.warning(
                "event %s discarded: the function %s no longer exists",
                event.request_id,
                event.function_arn,
            )
            self._queue.delete(event)
            return True
        if self._queue.age(event) >= function.max_event_age:
            self.loop.submit(
                self._complete_event, function, event, InvocationCondition.EVENT_AGE_EXCEEDED
            )
            return True
        # Reserved concurrency 0 switches a function off: Lambda sends its events to the on-failure
        # destination at once, without any attempt.
        if function.reserved_concurrency == 0:
            self.loop.submit(
                self._complete_event, function, event, InvocationCondition.RETRIES_EXHAUSTED
            )
            return True
        if parse_chain(event.trace).is_recursive(function):
            self._drop_recursive_event(function, event)
            return True
        worker = self._lease_worker(function)
        # No free slot: the event returns to its position, so the function's order is kept.
        if worker is None:
            self._queue.restore(event)
            return False
        self.loop.submit(self._run_events, function, worker, event)
        return True

    def _drop_recursive_event(self, function: DeployedFunction, event: QueuedEvent) -> None:
        """Send the event to the on-failure destination without an attempt, as Lambda does."""
        self.recursive_events_dropped += 1
        log.warning(
            "event %s of %s was not started (RecursiveInvocationsDropped): the function was started"
            " %d times by its own outputs; RecursiveLoop=Allow would permit it",
            event.request_id,
            function.name,
            MAX_INVOCATIONS,
        )
        stopped = dataclasses.replace(event, last_response=recursion_response())
        self.loop.submit(
            self._complete_event, function, stopped, InvocationCondition.RETRIES_EXHAUSTED
        )

    def _lease_worker(self, function: DeployedFunction) -> Worker | None:
        if function.state != "Active":
            return None
        try:
            return self._pool.lease(function)
        except LambdaApiError:
            return None

    def _run_events(self, function: DeployedFunction, worker: Worker, event: QueuedEvent) -> None:
        """Run an event, and the function's next ones as long as it is its turn."""
        following: tuple[DeployedFunction, QueuedEvent] | None = (function, event)
        while following is not None:
            function, event = following
            following = unstored = None
            try:
                unstored = self._invoke(worker, event)
                # A record may take long to send: not while the event's slot is occupied.
                if unstored and not _destination(function, failed=bool(unstored.function_error)):
                    self._store_result(function, event, unstored)
                    unstored, following = None, self._take_following(worker)
            finally:
                if following is None:
                    self._pool.release(worker)
            if unstored:
                self._store_result(function, event, unstored)

    def _invoke(self, worker: Worker, event: QueuedEvent) -> LambdaInvokeResult | None:
        """Return the result, or None if there is none: the event is then run again."""
        try:
            return worker.invoke(event.request_id, event.payload, event.trace)
        except InvocationInterruptedError:
            return None  # the event stays in the file and runs again after the next start
        except Exception:
            log.exception(
                "event %s failed because of an internal error of the local cloud", event.request_id
            )
            self._queue.requeue(event, _ERROR_BACKOFF)
            return None

    def _take_following(self, worker: Worker) -> tuple[DeployedFunction, QueuedEvent] | None:
        """Take the event that the worker is to run next, without a new lease; None: release it.

        Whatever is not simply the next event of the same function is left to the loop.
        """
        arn = worker.function.arn
        if self.loop.is_closed or self._queue.first_ready_function() != arn:
            return None
        function = self._functions.get(arn)
        if function is None or function.state != "Active":
            return None
        event = self._queue.take(arn)
        if event is None:
            return None
        if (
            self._queue.age(event) < function.max_event_age
            and not parse_chain(event.trace).is_recursive(function)
            and self._pool.renew(worker, function)
        ):
            return function, event
        self._queue.restore(event)
        return None

    def _store_result(
        self, function: DeployedFunction, event: QueuedEvent, result: LambdaInvokeResult
    ) -> None:
        try:
            self._handle_result(function, event, result)
        except (OSError, sqlite3.Error):  # the disk is full: the event stays in the file
            log.exception("the result of event %s could not be stored", event.request_id)

    def _handle_result(
        self, function: DeployedFunction, event: QueuedEvent, result: LambdaInvokeResult
    ) -> None:
        if result.function_error and event.attempts < function.retries:
            waits = self._settings.retry_waits
            wait = waits[min(event.attempts, len(waits) - 1)]
            # Not after the event expires, so that its invocation record is sent at that time.
            left = max(function.max_event_age - self._queue.age(event), 0.0)
            self._queue.requeue(event, min(wait, left), failed_with=result.payload)
            self.loop.wake()
            return
        final_event = dataclasses.replace(
            event, attempts=event.attempts + 1, last_response=result.payload
        )
        condition = (
            InvocationCondition.RETRIES_EXHAUSTED
            if result.function_error
            else InvocationCondition.SUCCESS
        )
        self._complete_event(function, final_event, condition)

    def _complete_event(
        self, function: DeployedFunction, event: QueuedEvent, condition: InvocationCondition
    ) -> None:
        """Send the invocation record, then delete the event.

        In this order, so that a crash between the two sends the record twice, not never. If the
        disk is full, the event runs again later, as it would after a restart.
        """
        succeeded = condition is InvocationCondition.SUCCESS
        if not succeeded:
            log.info("event %s of %s failed: %s", event.request_id, function.name, condition)
        if arn := _destination(function, failed=not succeeded):
            try:
                record = build_invocation_record(event, condition, self._clock())
                if not self._deliver_record(arn, record):
                    return
            except (OSError, sqlite3.Error):
                log.exception("no invocation record of event %s was stored", event.request_id)
                self._queue.requeue(event, _ERROR_BACKOFF)
                return
        self._queue.delete(event)

    def _deliver_record(self, arn: str, payload: bytes) -> bool:
        """Send the record; return False if the service was closed before the last attempt."""
        for attempt in range(_DELIVERY_ATTEMPTS):
            try:
                self._send(arn, payload)
                return True
            except ScarError as error:
                log.warning("cannot send the invocation record to %s: %s", arn, error.problem)
            if self.loop.pause(attempt + 1.0):
                return False
        log.error(
            "no invocation record was delivered to %s after %d attempts", arn, _DELIVERY_ATTEMPTS
        )
        return True


def _destination(function: DeployedFunction, *, failed: bool) -> str | None:
    """Return the ARN that the invocation record of a failed or successful event is sent to."""
    return function.on_failure if failed else function.on_success
