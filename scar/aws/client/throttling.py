"""Recognize throttling, and the calls that must not be repeated for any other reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
        "429",
    }
)
# Batch and ECS pass on the message of another service under a code of their own.
_RATE_EXCEEDED = "Rate exceeded"
# Reasons of Lambda's TooManyRequestsException (model: ThrottleReason) that are about the rate of
# requests. The others mean that all concurrent executions are in use, which may last for hours.
_RATE_REASONS = frozenset(
    {
        "CallerRateLimitExceeded",
        "FunctionInvocationRateLimitExceeded",
        "ReservedFunctionInvocationRateLimitExceeded",
    }
)
_INVOCATIONS = frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorResponse:
    """The part of an error response that decides about a repetition."""

    service: str
    operation: str
    code: str
    message: str
    reason: str = ""
    retry_after: float = 0.0
    """The seconds that AWS asks to wait, if it does."""

    @classmethod
    def parse(
        cls, service: str, operation: str, response: Mapping[str, Any]
    ) -> ErrorResponse | None:
        """Return the error in a response that botocore has parsed; None if it is none."""
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        error = response.get("Error", {})
        if not error or (isinstance(status, int) and 0 < status < 300):
            return None
        return cls(
            service=service,
            operation=operation,
            code=str(error.get("Code", "")),
            message=str(error.get("Message", "") or response.get("message", "")),
            reason=str(response.get("Reason", "")),
            retry_after=_seconds(response.get("retryAfterSeconds", "")),
        )


def is_throttling(error: ErrorResponse) -> bool:
    """Return whether AWS did nothing because of its rate, so that the call may be repeated.

    An invocation that is refused because the function's concurrency is used up is none: its caller
    decides whether to wait.
    """
    if error.service == "lambda" and error.operation in _INVOCATIONS:
        return error.code == "TooManyRequestsException" and error.reason in _RATE_REASONS
    return error.code in THROTTLING_CODES or _RATE_EXCEEDED in error.message


def may_repeat_blindly(operation: str, parameters: Mapping[str, object]) -> bool:
    """Return whether a call without a known outcome may be repeated.

    Not if it starts a script: it could run twice. An asynchronous invocation may, since the
    supervisor recognizes an event that it has processed.
    """
    if operation in _INVOCATIONS:
        return parameters.get("InvocationType") == "Event"
    return operation != "SubmitJob"


def _seconds(text: object) -> float:
    try:
        return max(0.0, float(str(text)))
    except ValueError:
        return 0.0
