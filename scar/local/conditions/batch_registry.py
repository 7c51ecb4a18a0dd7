"""Job queues as Batch sees them while a compute environment is not VALID: no job starts in it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.batch.model import BatchRegistry
    from scar.local.conditions.pending_states import PendingStates
    from scar.local.moto.batch_registry import JobDefinitionRecord, JobQueueRecord


class PendingBatchRegistry:
    """Another registry, with the compute environments that are not ready disabled."""

    def __init__(
        self,
        registry: BatchRegistry,
        pending: PendingStates,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._pending = pending
        self._monotonic = monotonic

    def find_queue(self, name_or_arn: str, region: str = "") -> JobQueueRecord | None:
        queue = self._registry.find_queue(name_or_arn, region)
        if queue is None:
            return None
        now = self._monotonic()
        environments = tuple(
            replace(
                environment,
                enabled=environment.enabled
                and self._pending.is_environment_ready(environment.name, now),
            )
            for environment in queue.environments
        )
        return replace(queue, environments=environments)

    def find_definition(self, reference: str, region: str = "") -> JobDefinitionRecord | None:
        return self._registry.find_definition(reference, region)
