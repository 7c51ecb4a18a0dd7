"""The functions that were configured through moto, as this service reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.lambda_.model import DeployedFunction

if TYPE_CHECKING:
    from scar.local.moto.function_records import FunctionRecords as Records


class MotoFunctionRegistry:
    """A FunctionDirectory over moto's records; every function there is ready to run."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        found = self._records.get(name_or_arn)
        if found is None:
            return None
        return DeployedFunction(
            name=found.name,
            arn=found.arn,
            role=found.role,
            memory_mb=found.memory_mb,
            timeout=found.timeout,
            tmp_mb=found.storage_mb,
            image_uri=found.image_uri,
            environment=found.environment,
            reserved_concurrency=found.reserved_concurrency,
            retries=found.retries,
            max_event_age=found.max_event_age,
            on_failure=found.on_failure or None,
            on_success=found.on_success or None,
        )
