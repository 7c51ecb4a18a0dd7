"""The Lambda service of the local cloud: the one object that its other parts talk to."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.lambda_.async_invoker import AsyncInvoker, AsyncInvokerSettings
from scar.local.lambda_.event_queue import EventQueue
from scar.local.lambda_.model import INIT_LIMIT, LambdaApiError, LambdaStatus
from scar.local.lambda_.pool import WorkerPool
from scar.local.lambda_.port_listener import LoopbackListener
from scar.local.lambda_.worker import InvocationInterrupted, Worker, WorkerDependencies

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

_MAINTENANCE_INTERVAL: float = 2.0  # seconds between two looks at idle sandboxes


def _default_concurrency() -> int:
    return max(2, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaServiceSettings:
    """What can be set. Times in seconds.

    ``concurrency``: calls at once, all functions together. ``warm_limit``: sandboxes that may
    wait for a call, each for at most ``idle_limit``. ``patience``: how long a synchronous call
    waits for a place on this machine before it is throttled. ``retry_waits``: before the first
    and the second retry of an event, as AWS has them.
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
    """What the service needs from the rest of the local cloud."""

    functions: FunctionRegistry
    images: LocalImageResolver
    logs: LogSink
    credentials: FunctionCredentialsProvider
    send: RecordSender
    engine: Engine
    listen: Callable[[HttpApp], PortListener] = LoopbackListener


class LambdaService:
    """Runs functions. ``queue`` is the file of the asynchronous queue; the engine is not owned."""

    def __init__(
        self,
        queue: Path,
        ports: LambdaPorts,
        settings: LambdaServiceSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._functions = ports.functions
        self._settings = settings
        self._clock = clock
        workshop = WorkerDependencies(
            engine=ports.engine,
            images=ports.images,
            logs=ports.logs,
            credentials=ports.credentials,
            listen=ports.listen,
            endpoint_url=settings.endpoint_url,
            init_limit=settings.init_limit,
            clock=clock,
        )
        self._pool = WorkerPool(
            lambda function: Worker(function, workshop),
            concurrency=settings.concurrency,
            warm_limit=settings.warm_limit,
            idle_limit=settings.idle_limit,
            on_release=self.wake,
        )
        self._queue = EventQueue(queue)
        rules = AsyncInvokerSettings(
            retry_waits=settings.retry_waits, concurrency=settings.concurrency
        )
        self._async_invoker = AsyncInvoker(
            self._queue, ports.functions, self._pool, ports.send, rules, clock
        )
        self._closed = threading.Event()
        self._maintenance_thread = threading.Thread(
            target=self._maintain_pool, name="lambda keeper", daemon=True
        )

    def start(self) -> None:
        """Begin with the events that are in the queue."""
        self._async_invoker.start()
        self._maintenance_thread.start()

    def get_function(self, name_or_arn: str) -> DeployedFunction:
        """Return the function if it can run now; raise ApiError as AWS does if it cannot."""
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

    def invoke(self, name_or_arn: str, payload: bytes) -> LambdaInvokeResult:
        """Run the function now and return how it ended; raise ApiError if it cannot be run."""
        function = self.get_function(name_or_arn)
        worker = self._pool.lease(function, self._settings.capacity_wait)
        try:
            return worker.invoke(str(uuid.uuid4()), payload)
        except InvocationInterrupted as error:
            raise LambdaApiError(
                503, "ServiceException", "The local cloud was stopped while the function ran."
            ) from error
        finally:
            self._pool.release(worker)

    def enqueue(self, function_arn: str, payload: bytes) -> str:
        """Keep an event for the function; it is on the disk when this returns its request id."""
        request_id = str(uuid.uuid4())
        self._queue.put(function_arn, request_id, payload, self._clock())
        self.wake()
        return request_id

    def wake(self) -> None:
        """Look at the queue and at idle sandboxes now; for those who move the clock."""
        self._async_invoker.wake()

    def close_stale_sandboxes(self) -> None:
        """End idle sandboxes that are too old, or whose function changed or is gone."""
        self._pool.close_stale_workers(self._functions)

    def status(self) -> LambdaStatus:
        """Count what waits and what runs."""
        return LambdaStatus(
            queued=len(self._queue), running=self._pool.running_count, warm=self._pool.warm_count
        )

    def close(self) -> None:
        """KILL all sandboxes; events that were running or waiting stay in the queue."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._async_invoker.stop()
        self._pool.close()
        self._async_invoker.join()
        if self._maintenance_thread.is_alive():
            self._maintenance_thread.join()
        self._queue.close()

    def _maintain_pool(self) -> None:
        while not self._closed.wait(_MAINTENANCE_INTERVAL):
            self._pool.flush()
            self.close_stale_sandboxes()
