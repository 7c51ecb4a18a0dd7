"""The Lambda service of the local cloud: the one object that its other parts talk to."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.lambda_.async_invoker import AsyncInvoker, Rules
from scar.local.lambda_.event_queue import EventQueue
from scar.local.lambda_.model import INIT_LIMIT, ApiError, Status
from scar.local.lambda_.pool import Pool
from scar.local.lambda_.port_listener import LoopbackListener
from scar.local.lambda_.worker import Interrupted, Worker, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.engines.port import Engine
    from scar.local.http.messages import Plane
    from scar.local.lambda_.model import (
        DeployedFunction,
        Destination,
        FunctionCredentials,
        FunctionDirectory,
        ImageStore,
        LogSink,
        Result,
    )
    from scar.local.lambda_.port_listener import Listener

_SWEEP: float = 2.0  # seconds between two looks at idle sandboxes


def _places() -> int:
    return max(2, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set. Times in seconds.

    ``concurrency``: calls at once, all functions together. ``warm_limit``: sandboxes that may
    wait for a call, each for at most ``idle_limit``. ``patience``: how long a synchronous call
    waits for a place on this machine before it is throttled. ``retry_waits``: before the first
    and the second retry of an event, as AWS has them.
    """

    endpoint_url: str
    concurrency: int = field(default_factory=_places)
    warm_limit: int = 16
    idle_limit: float = 300.0
    patience: float = 60.0
    retry_waits: tuple[float, ...] = (60.0, 120.0)
    init_limit: float = INIT_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the service needs from the rest of the local cloud."""

    functions: FunctionDirectory
    images: ImageStore
    logs: LogSink
    credentials: FunctionCredentials
    send: Destination
    engine: Engine
    listen: Callable[[Plane], Listener] = LoopbackListener


class LambdaService:
    """Runs functions. ``queue`` is the file of the asynchronous queue; the engine is not owned."""

    def __init__(
        self,
        queue: Path,
        ports: Ports,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._functions = ports.functions
        self._settings = settings
        self._clock = clock
        workshop = Workshop(
            engine=ports.engine,
            images=ports.images,
            logs=ports.logs,
            credentials=ports.credentials,
            listen=ports.listen,
            endpoint_url=settings.endpoint_url,
            init_limit=settings.init_limit,
            clock=clock,
        )
        self._pool = Pool(
            lambda function: Worker(function, workshop),
            concurrency=settings.concurrency,
            warm_limit=settings.warm_limit,
            idle_limit=settings.idle_limit,
            freed=self.wake,
        )
        self._queue = EventQueue(queue)
        rules = Rules(retry_waits=settings.retry_waits, concurrency=settings.concurrency)
        self._events = AsyncInvoker(
            self._queue, ports.functions, self._pool, ports.send, rules, clock
        )
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="lambda keeper", daemon=True)

    def start(self) -> None:
        """Begin with the events that are in the queue."""
        self._events.start()
        self._keeper.start()

    def find(self, name_or_arn: str) -> DeployedFunction:
        """Return the function if it can run now; raise ApiError as AWS does if it cannot."""
        function = self._functions.get(name_or_arn)
        if function is None:
            raise ApiError(404, "ResourceNotFoundException", f"Function not found: {name_or_arn}")
        if function.state != "Active":
            raise ApiError(
                409,
                "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in "
                f"the following state: {function.state}",
            )
        return function

    def invoke(self, name_or_arn: str, payload: bytes) -> Result:
        """Run the function now and return how it ended; raise ApiError if it cannot be run."""
        function = self.find(name_or_arn)
        worker = self._pool.lease(function, self._settings.patience)
        try:
            return worker.invoke(str(uuid.uuid4()), payload)
        except Interrupted as error:
            raise ApiError(
                503, "ServiceException", "The local cloud was stopped while the function ran."
            ) from error
        finally:
            self._pool.give_back(worker)

    def enqueue(self, function_arn: str, payload: bytes) -> str:
        """Keep an event for the function; it is on the disk when this returns its request id."""
        request_id = str(uuid.uuid4())
        self._queue.put(function_arn, request_id, payload, self._clock())
        self.wake()
        return request_id

    def wake(self) -> None:
        """Look at the queue and at idle sandboxes now; for those who move the clock."""
        self._events.wake()

    def sweep(self) -> None:
        """End idle sandboxes that are too old, or whose function changed or is gone."""
        self._pool.sweep(self._functions)

    def status(self) -> Status:
        """Count what waits and what runs."""
        return Status(queued=len(self._queue), running=self._pool.running, warm=self._pool.warm)

    def close(self) -> None:
        """KILL all sandboxes; events that were running or waiting stay in the queue."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._events.stop()
        self._pool.close()
        self._events.join()
        if self._keeper.is_alive():
            self._keeper.join()
        self._queue.close()

    def _keep(self) -> None:
        while not self._closed.wait(_SWEEP):
            self._pool.flush()
            self.sweep()
