"""Functions configured through moto, as the Lambda service reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.lambda_.model import DeployedFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.moto.function_records import FunctionRecords


class MotoFunctionRegistry:
    """A FunctionRegistry over moto's records; ``state`` returns a function's state by name."""

    def __init__(
        self, records: FunctionRecords, state: Callable[[str], str] = lambda _name: "Active"
    ) -> None:
        self._records = records
        self._state = state

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        record = self._records.get(name_or_arn)
        if record is None:
            return None
        return DeployedFunction(
            name=record.name,
            arn=record.arn,
            role=record.role,
            memory_mb=record.memory_mb,
            timeout=record.timeout,
            tmp_mb=record.storage_mb,
            image_uri=record.image_uri,
            environment=record.environment,
            reserved_concurrency=record.reserved_concurrency,
            retries=record.retries,
            max_event_age=record.max_event_age,
            on_failure=record.on_failure or None,
            on_success=record.on_success or None,
            file_systems=record.file_systems,
            allow_loop=record.allow_loop,
            state=self._state(record.name),
        )
