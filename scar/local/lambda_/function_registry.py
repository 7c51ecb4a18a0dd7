"""Functions configured through moto, as the Lambda service reads them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.lambda_.model import DeployedFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.moto.function_records import FunctionRecord, FunctionRecords


class MotoFunctionRegistry:
    """A FunctionRegistry over moto's records; ``state`` returns a function's state by name.

    While a function and its state do not change, ``get`` returns the same object.
    """

    def __init__(
        self, records: FunctionRecords, state: Callable[[str], str] = lambda _name: "Active"
    ) -> None:
        self._records = records
        self._state = state
        self._functions: dict[str, tuple[FunctionRecord, DeployedFunction]] = {}  # by ARN

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        record = self._records.get(name_or_arn)
        if record is None:
            return None
        kept_record, function = self._functions.get(record.arn, (None, None))
        state = self._state(record.name)
        if function is None or kept_record is not record:
            function = _deployed_function(record, state)
        elif function.state != state:
            function = replace(function, state=state)
        else:
            return function
        self._functions[record.arn] = record, function
        return function


def _deployed_function(record: FunctionRecord, state: str) -> DeployedFunction:
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
        state=state,
    )
