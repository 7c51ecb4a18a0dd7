"""The Lambda service of the local cloud, the interface for its other parts."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.file_systems import FileSystemFolders
from scar.local.lambda_.async_invoker import AsyncInvoker, AsyncInvokerSettings
from scar.local.lambda_.event_queue import EventQueue
from scar.local.lambda_.lineage import (
    RECURSION_ERROR,
    RECURSION_MESSAGE,
    decode_trace_header,
    parse_chain,
)
from scar.local.lambda_.model import INIT_LIMIT, LambdaApiError, LambdaStatus
from scar.local.lambda_.pool import WorkerPool
from scar.local.lambda_.port_listener import LoopbackListener
from scar.local.lambda_.worker import InvocationInterruptedError, Worker, WorkerDependencies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.engines.port import Engine, LocalImageResolver
    from scar.local.http.messages import HttpApp
    from scar.local.lambda_.model import (
        DeployedFunction,
        FunctionCredentialsProvider,
        FunctionRegistry,
        LambdaInvokeResult,
        LogSink,
        RecordSender,
    )
    from scar.local.lambda_.port_listener import PortListener

_MAINTENANCE_INTERVAL: float = 2.0  # seconds between two checks of idle sandboxes


def _default_concurrency() -> int:
    # Two more than there are processors: a run waits for the server and for its disk now and then.
    # With two of them and two processors, one was idle while runs of a small script were queued.
    return 2 + (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaServiceSettings:
    """Settings of the service; times in seconds.

    ``concurrency``: invocations at once, all functions together. ``warm_limit``: idle sandboxes,
    each for at most ``idle_limit``. ``capacity_wait``: how long a synchronous invocation waits
    for a free slot on this machine before it is throttled. ``retry_waits``: before the first and
    the second retry of an event; the defaults are AWS's.
    """

    endpoint_url: str
    concurrency: int = field(default_factory=_default_concurrency)
    warm_limit: int = 16
    idle_limit: float = 300.0
    capacity_wait: float = 60.0
    retry_waits: tuple[float, ...] = (60.0, 120.0)
    init_limit: float = INIT_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaPorts:
    """Ports of the service to the rest of the local cloud."""

    functions: FunctionRegistry
    images: LocalImageResolver
    logs: LogSink
    credentials: FunctionCredentialsProvider
    send: RecordSender
    engine: Engine
    listen: Callable[[HttpApp], PortListener] = LoopbackListener
    is_throttled: Callable[[DeployedFunction], bool] = lambda _function: False
    file_systems: FileSystemFolders = field(default_factory=FileSystemFolders)


class LambdaService:
    """Runs functions. ``queue`` is the file of the event queue; the caller closes the engine.

    ``clock`` returns epoch seconds; ``timer`` seconds that only move forwards, for all waits.
    """

    def __init__(
        self,
        queue: Path,
        ports: LambdaPorts,
        settings: LambdaServiceSettings,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._functions = ports.functions
        self._settings = settings
        dependencies = WorkerDependencies(
            engine=ports.engine,
            images=ports.images,
            logs=ports.logs,
            credentials=ports.credentials,
            listen=ports.listen,
            endpoint_url=settings.endpoint_url,
            file_systems=ports.file_systems,
            init_limit=settings.init_limit,
            clock=clock,
        )
        self._pool = WorkerPool(
            lambda function: Worker(function, dependencies),
            concurrency=settings.concurrency,
            warm_limit=settings.warm_limit,
            idle_limit=settings.idle_limit,
            on_release=self.wake,
            is_throttled=ports.is_throttled,
        )
        self._queue = EventQueue(queue, clock=clock, timer=timer)
        invoker_settings = AsyncInvokerSettings(
            retry_waits=settings.retry_waits, concurrency=settings.concurrency
        )
        self._async_invoker = AsyncInvoker(
            self._queue, ports.functions, self._pool, ports.send, invoker_settings, clock
        )
        self._closed = threading.Event()
        self._maintenance_thread = threading.Thread(
            target=self._maintain_pool, name="lambda maintenance", daemon=True
        )

    def start(self) -> None:
        """Start to run the events in the queue and to maintain the pool."""
        self._async_invoker.loop.start()
        self._maintenance_thread.start()

    def get_function(self, name_or_arn: str) -> DeployedFunction:
        """Return the function if it can run now, else raise AWS's LambdaApiError."""
        function = self._functions.get(name_or_arn)
        if function is None:
            raise LambdaApiError(
                404, "ResourceNotFoundException", f"Function not found: {name_or_arn}"
            )
        if function.state != "Active":
            raise LambdaApiError(
                409,
                "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in "
                f"the following state: {function.state}",
            )
        return function

    def invoke(self, name_or_arn: str, payload: bytes, trace: str = "") -> LambdaInvokeResult:
        """Run the function now and return its result; raise LambdaApiError if it cannot run.

        ``trace`` is the trace id in the caller's header, which may be part of a loop.
        """
        function = self.get_function(name_or_arn)
        trace = decode_trace_header(trace)
        if parse_chain(trace).is_recursive(function):
            raise LambdaApiError(400, RECURSION_ERROR, RECURSION_MESSAGE)
        worker = self._pool.lease(function, self._settings.capacity_wait)
        try:
            return worker.invoke(str(uuid.uuid4()), payload, trace)
        except InvocationInterruptedError as error:
            raise LambdaApiError(
                503, "ServiceException", "The local cloud was stopped while the function ran."
            ) from error
        finally:
            self._pool.release(worker)

    def enqueue(
        self, function_arn: str, payload: bytes, trace: str = "", *, delay: float = 0.0
    ) -> str:
        """Queue an event durably, due after ``delay`` seconds; return its request id.

        ``trace`` is the trace id in the header of the request that caused the event.
        """
        request_id = str(uuid.uuid4())
        chain = decode_trace_header(trace)
        self._queue.put(function_arn, request_id, payload, chain, delay=delay)
        self._async_invoker.notify_event(delay)
        return request_id

    def wake(self) -> None:
        """Check the event queue now, for callers that have moved the timer."""
        self._async_invoker.loop.wake()

    def close_stale_sandboxes(self) -> None:
        """Close idle sandboxes that are too old, or whose function was changed or deleted."""
        self._pool.close_stale_workers(self._functions)

    def status(self) -> LambdaStatus:
        """Return the counts of events, running invocations and idle sandboxes."""
        return LambdaStatus(
            queued=len(self._queue),
            running=self._pool.running_count,
            warm=self._pool.warm_count,
            recursive_dropped=self._async_invoker.recursive_events_dropped,
        )

    def close(self) -> None:
        """Kill all sandboxes; unfinished events stay in the queue file."""
        if self._closed.is_set():
            return
        self._closed.set()
        # In this order: no new events, then no sandboxes, which ends the running invocations,
        # then the threads that waited for them, and only then the file they write to.
        self._async_invoker.loop.stop()
        self._pool.close()
        self._async_invoker.loop.join()
        if self._maintenance_thread.is_alive():
            self._maintenance_thread.join()
        self._queue.close()

    def _maintain_pool(self) -> None:
        while not self._closed.wait(_MAINTENANCE_INTERVAL):
            self._pool.flush()
            self.close_stale_sandboxes()
