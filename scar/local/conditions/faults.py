"""What a condition does to a request: refuse it, delay it, or reset its connection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """AWS's error: code, message and HTTP status."""

    code: str
    message: str
    status: int = 400
    reason: str = ""
    """The member ``Reason`` of Lambda's throttling errors."""


@dataclass(frozen=True, slots=True)
class DelayedResponse:
    """The request is executed after some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ConnectionLoss:
    """The client gets no response; ``executed``: the request takes effect nevertheless."""

    executed: bool


RequestFault = Refusal | DelayedResponse | ConnectionLoss

OPERATION_ABORTED = Refusal(
    code="OperationAborted",
    message="A conflicting conditional operation is currently in progress against this resource. "
    "Please try again.",
    status=409,
)

INTERNAL_ERROR = Refusal(
    code="InternalError", message="We encountered an internal error. Please try again.", status=500
)


def throttling_refusal(service: str, operation: str) -> Refusal:
    """Return the service's own error for a request above its rate."""
    match service:
        case "s3":
            return Refusal(code="SlowDown", message="Please reduce your request rate.", status=503)
        case "lambda":
            return Refusal(
                code="TooManyRequestsException",
                message="Rate exceeded",
                status=429,
                reason="CallerRateLimitExceeded" if operation != "Invoke" else "",
            )
        case "batch" | "apigateway":
            return Refusal(code="TooManyRequestsException", message="Too Many Requests", status=429)
        case "ec2":
            return Refusal(
                code="RequestLimitExceeded", message="Request limit exceeded.", status=503
            )
        case "iam" | "sts" | "sns":
            return Refusal(code="Throttling", message="Rate exceeded")
        case _:
            return Refusal(code="ThrottlingException", message="Rate exceeded")
