"""The conditions of one local cloud, as parts that its services are built from.

Without chaos every method returns what it was given.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scar.local.conditions import fates
from scar.local.conditions.batch_registry import PendingBatchRegistry
from scar.local.conditions.event_delivery import UnreliableDelivery
from scar.local.conditions.log_delivery import DroppingLogSink, LateLogSink
from scar.local.conditions.request_conditions import RequestConditions
from scar.local.conditions.sandboxes import UnreliableEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.batch.model import BatchRegistry
    from scar.local.conditions.event_delivery import EnqueueEvent
    from scar.local.conditions.settings import ConditionsSettings
    from scar.local.engines.port import Engine
    from scar.local.lambda_.model import DeployedFunction, LogSink
    from scar.local.s3.storage.outbox import DeliverEvent


class ServiceConditions:
    """Puts conditions around the engine, the log store, the event delivery and the registries."""

    def __init__(
        self, settings: ConditionsSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.requests = RequestConditions(settings)
        self._draws = self.requests.draws
        self._monotonic = monotonic
        self._late_logs: LateLogSink | None = None

    def engine(self, engine: Engine) -> Engine:
        return engine if self._draws is None else UnreliableEngine(engine, self._draws)

    def log_sink(self, sink: LogSink) -> LogSink:
        """Return the sink of all log events; ``close`` stores what is late."""
        if self._draws is None:
            return sink
        self._late_logs = LateLogSink(sink, self._draws)
        return self._late_logs

    def non_blocking_log_sink(self, sink: LogSink) -> LogSink | None:
        """Return the sink of jobs whose log driver may drop lines, None for the usual one."""
        return None if self._draws is None else DroppingLogSink(sink, self._draws)

    def event_delivery(self, enqueue: EnqueueEvent) -> DeliverEvent:
        """Return the delivery of S3 events."""
        return enqueue if self._draws is None else UnreliableDelivery(enqueue, self._draws).deliver

    def batch_registry(self, registry: BatchRegistry) -> BatchRegistry:
        pending = self.requests.pending
        if pending is None:
            return registry
        return PendingBatchRegistry(registry, pending, self._monotonic)

    def function_state(self, name: str) -> str:
        """Return ``Active``, or ``Pending`` while a function cannot run yet."""
        pending = self.requests.pending
        return "Active" if pending is None else pending.function_state(name, self._monotonic())

    def is_throttled(self, function: DeployedFunction) -> bool:
        """Return whether the next invocation of a function is throttled."""
        return self._draws is not None and fates.is_throttled(self._draws, function.name)

    def close(self) -> None:
        """Store the log events that are late."""
        if self._late_logs is not None:
            self._late_logs.close()
