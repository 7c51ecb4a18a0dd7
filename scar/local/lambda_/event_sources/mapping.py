"""One event source mapping, and its form in Lambda's API."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORT_FAILURES = "ReportBatchItemFailures"
DEFAULT_BATCH = 10  # messages; botocore's model of CreateEventSourceMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSourceMapping:
    """A queue that invokes a function; ``window`` in seconds, ``modified`` in epoch seconds.

    ``concurrency``: the most invocations at once, 0: no limit of its own.
    """

    uuid: str
    queue_arn: str
    function_arn: str
    batch_size: int = DEFAULT_BATCH
    window: int = 0
    enabled: bool = True
    reports_failures: bool = False
    concurrency: int = 0
    modified: float = 0.0

    def with_parameters(self, parameters: Mapping[str, Any]) -> EventSourceMapping:
        """Return it with the values of a request; parameters that are absent change nothing."""
        changes: dict[str, Any] = {}
        if "BatchSize" in parameters:
            changes["batch_size"] = int(parameters["BatchSize"])
        if "MaximumBatchingWindowInSeconds" in parameters:
            changes["window"] = int(parameters["MaximumBatchingWindowInSeconds"])
        if "Enabled" in parameters:
            changes["enabled"] = bool(parameters["Enabled"])
        if "FunctionResponseTypes" in parameters:
            types = parameters["FunctionResponseTypes"] or []
            changes["reports_failures"] = REPORT_FAILURES in types
        if "ScalingConfig" in parameters:
            limit = (parameters["ScalingConfig"] or {}).get("MaximumConcurrency", 0)
            changes["concurrency"] = int(limit)
        return replace(self, **changes)

    def to_api(self, state: str = "") -> dict[str, Any]:
        """Return the response of Lambda's API; ``state`` replaces Enabled or Disabled."""
        region, account = self.function_arn.split(":")[3:5]
        content: dict[str, Any] = {
            "UUID": self.uuid,
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.window,
            "EventSourceArn": self.queue_arn,
            "FunctionArn": self.function_arn,
            "LastModified": self.modified,
            "State": state or ("Enabled" if self.enabled else "Disabled"),
            "StateTransitionReason": "USER_INITIATED",
            "FunctionResponseTypes": [REPORT_FAILURES] if self.reports_failures else [],
            "EventSourceMappingArn": (
                f"arn:aws:lambda:{region}:{account}:event-source-mapping:{self.uuid}"
            ),
        }
        if self.concurrency:
            content["ScalingConfig"] = {"MaximumConcurrency": self.concurrency}
        return content

    def to_document(self) -> dict[str, Any]:
        """Return what ``EventSourceMapping(**document)`` takes."""
        return asdict(self)
