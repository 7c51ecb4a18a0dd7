"""The vocabulary of the Lambda service and what it asks of the rest of the local cloud."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from scar.aws.model import limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supervisor.aws.sigv4 import Credentials

SYNC_PAYLOAD: Final = limits.LAMBDA_SYNC_PAYLOAD.maximum  # bytes, request and response
ASYNC_PAYLOAD: Final = limits.LAMBDA_ASYNC_PAYLOAD.maximum
INIT_LIMIT: Final = 10.0  # seconds of initialisation that do not count as the call's own
LATEST_VERSION: Final = "$LATEST"

NOT_EMULATED: Final = (
    "Lambda extensions, response streaming, InvokeAsync, SnapStart, provisioned concurrency.",
    "Lambda's detection of recursive loops.",
    (
        "Lambda: a call that finds this machine busy waits a minute before it is throttled; events "
        "wait in the queue until there is a place, which costs them no attempts."
    ),
    (
        "Lambda: an initialisation of more than 10 seconds goes on within the call's own time; "
        "it is not begun anew."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFunction:
    """A function's configuration; memory and /tmp in MiB, ages and time-outs in seconds."""

    name: str
    arn: str
    memory_mb: int
    timeout: int
    image_uri: str
    tmp_mb: int = 512
    role: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    retries: int = 2
    max_event_age: int = 21_600
    on_failure: str | None = None
    on_success: str | None = None
    state: str = "Active"

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def sandbox_key(self) -> tuple[object, ...]:
        """Equal while a warm sandbox of the function may still serve it."""
        return (
            self.arn,
            self.role,
            self.memory_mb,
            self.timeout,
            self.image_uri,
            self.tmp_mb,
            tuple(sorted(self.environment.items())),
        )


class FunctionRegistry(Protocol):
    """Where functions are configured."""

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        """Return the function's present configuration; name, partial or full ARN."""


class LogSink(Protocol):
    """Where log events go."""

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]], /) -> None:
        """Store (epoch milliseconds, message) pairs; makes group and stream when needed."""


class FunctionCredentialsProvider(Protocol):
    """Who gives a function's role to its sandbox."""

    def __call__(self, function: DeployedFunction, /) -> Credentials: ...


class RecordSender(Protocol):
    """Carries the record of a lost event to a queue, topic, function or bucket, by its ARN."""

    def __call__(self, arn: str, record: bytes, /) -> None:
        """Deliver; raise ScarError if it cannot be delivered now."""


class InvocationType(enum.StrEnum):
    """How a caller wants the function to run."""

    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    DRY_RUN = "DryRun"


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaInvokeResult:
    """How one call ended. ``function_error`` is empty, or Lambda's word (``Unhandled``).

    ``tail`` is the end of the call's log, at most 4 KiB.
    """

    request_id: str
    payload: bytes
    function_error: str = ""
    log_tail: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaStatus:
    """Counts: events waiting (also for a retry), calls running, sandboxes waiting for a call."""

    queued: int
    running: int
    warm: int


class LambdaApiError(Exception):
    """An answer of the Lambda API that is not a call's result: HTTP status and AWS's code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def throttling_error(reason: str) -> LambdaApiError:
    """Make AWS's answer to a call that finds no free concurrency."""
    error = LambdaApiError(429, "TooManyRequestsException", "Rate Exceeded.")
    error.add_note(reason)
    return error
