"""Event source mappings: Lambda polls a queue and invokes the function with its messages."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client.waiter import Waiter
from scar.aws.model import names
from scar.aws.model.resources import EventSource
from scar.aws.requests import event_source_requests
from scar.aws.requests.field_paths import read_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

# Lambda refuses changes in all other states (ResourceInUseException).
_SETTLED = ("Enabled", "Disabled")
_DISABLED = ("Disabled", "Disabling")


@dataclass(frozen=True, slots=True)
class EventSourceHandler:
    """Handles the mapping of a function to the queue of its gathered events.

    Lambda generates the mapping's id: it is found by the function and the queue's name. The client
    repeats the creation while Lambda cannot use the role yet (``scar.aws.client.races``).
    """

    lambda_: LambdaClient
    waiter: Waiter = field(default_factory=Waiter)

    def read(self, resource: EventSource) -> EventSource | None:
        found = self._find(resource.name)
        if found is None or found.get("State") == "Deleting":
            return None
        return EventSource(
            name=resource.name,
            queue_arn=found.get("EventSourceArn", ""),
            concurrency=found.get("ScalingConfig", {}).get("MaximumConcurrency", 0),
            reports_failures="ReportBatchItemFailures" in found.get("FunctionResponseTypes", []),
            enabled=found.get("State") not in _DISABLED,
            **read_fields(found, EventSource),
        )

    def create(self, resource: EventSource) -> None:
        # One that is being deleted has the same function and queue: Lambda refuses a second one.
        self._wait_until(resource, lambda found: not found or found.get("State") != "Deleting")
        try:
            self.lambda_.create_event_source_mapping(
                **event_source_requests.create_event_source_request(resource)
            )
        except self.lambda_.exceptions.ResourceConflictException:
            # The response to an earlier attempt of the SDK may have been lost.
            self.update(resource, resource)
            return
        self._wait_until_settled(resource)

    def update(self, observed: EventSource, desired: EventSource) -> None:
        del observed
        self._wait_until_settled(desired)
        found = self._find(desired.name)
        if found is None:
            self.create(desired)
            return
        self.lambda_.update_event_source_mapping(
            **event_source_requests.update_event_source_request(found["UUID"], desired)
        )
        self._wait_until_settled(desired)

    def delete(self, resource: EventSource) -> None:
        self._wait_until_settled(resource)
        found = self._find(resource.name)
        if found is None:
            return
        with contextlib.suppress(self.lambda_.exceptions.ResourceNotFoundException):
            self.lambda_.delete_event_source_mapping(UUID=found["UUID"])
        # The queue is deleted next: until the end of the mapping its pollers use it.
        self._wait_until(resource, lambda found: found is None)

    def _find(self, function: str) -> EventSourceMappingConfigurationTypeDef | None:
        try:
            pages = self.lambda_.get_paginator("list_event_source_mappings").paginate(
                FunctionName=function
            )
            mappings = [each for page in pages for each in page["EventSourceMappings"]]
        except self.lambda_.exceptions.ResourceNotFoundException:
            return None
        end = f":{names.event_queue_name(function)}"
        return next((m for m in mappings if m.get("EventSourceArn", "").endswith(end)), None)

    def _wait_until_settled(self, resource: EventSource) -> None:
        self._wait_until(resource, lambda found: not found or found.get("State") in _SETTLED)

    def _wait_until(
        self,
        resource: EventSource,
        is_reached: Callable[[EventSourceMappingConfigurationTypeDef | None], bool],
    ) -> None:
        def check() -> bool | str:
            found = self._find(resource.name)
            return True if is_reached(found) else str(found and found.get("State", ""))

        self.waiter.wait_until(check, str(resource.key))
