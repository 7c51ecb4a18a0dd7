"""Data types of the Lambda service and its ports to the rest of the local cloud."""

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
INIT_LIMIT: Final = 10.0  # seconds of initialisation that do not count towards the timeout
LATEST_VERSION: Final = "$LATEST"

NOT_EMULATED: Final = (
    "Lambda extensions, response streaming, InvokeAsync, SnapStart, provisioned concurrency.",
    "Lambda's detection of recursive loops through SNS.",
    (
        "Lambda: an invocation waits up to a minute for a free slot on this machine before it is "
        "throttled; events wait in the queue for a free slot, which does not count as an attempt."
    ),
    (
        "Lambda: an initialisation of more than 10 seconds continues within the function's "
        "timeout; it is not restarted."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFunction:
    """A function's configuration; memory and /tmp in MiB, ages and timeouts in seconds.

    ``file_systems`` are pairs of an access point's ARN and a mount path. ``allow_loop``: recursive
    loops are not stopped (``RecursiveLoop=Allow``).
    """

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
    file_systems: tuple[tuple[str, str], ...] = ()
    state: str = "Active"
    allow_loop: bool = False

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def sandbox_key(self) -> tuple[object, ...]:
        """Return a key that stays equal as long as a warm sandbox may serve the function."""
        return (
            self.arn,
            self.role,
            self.memory_mb,
            self.timeout,
            self.image_uri,
            self.tmp_mb,
            self.file_systems,
            tuple(sorted(self.environment.items())),
        )


class FunctionRegistry(Protocol):
    """Source of function configurations."""

    def get(self, name_or_arn: str, /) -> DeployedFunction | None:
        """Return the function's current configuration by name, partial or full ARN, or None."""


class LogSink(Protocol):
    """Destination of log events."""

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]], /) -> None:
        """Store (epoch milliseconds, message) pairs; create group and stream if missing."""


class FunctionCredentialsProvider(Protocol):
    """Provider of the credentials of a function's role."""

    def __call__(self, function: DeployedFunction, /) -> Credentials: ...


class RecordSender(Protocol):
    """Sends an invocation record to a destination: a queue, topic, function or bucket ARN."""

    def __call__(self, arn: str, record: bytes, /) -> None:
        """Deliver the record; raise ScarError if that fails for now."""


class InvocationType(enum.StrEnum):
    """Value of the header X-Amz-Invocation-Type."""

    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    DRY_RUN = "DryRun"


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaInvokeResult:
    """Result of one invocation.

    ``function_error`` is empty or Lambda's value, ``Unhandled``. ``log_tail`` is the end of the
    invocation's log, at most 4 KiB.
    """

    request_id: str
    payload: bytes
    function_error: str = ""
    log_tail: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaStatus:
    """Counts of queued events (retries included), running invocations and idle sandboxes.

    ``recursive_dropped`` are the events of recursive loops that were not started since the start.
    """

    queued: int
    running: int
    warm: int
    recursive_dropped: int = 0


class LambdaApiError(Exception):
    """An error response of the Lambda API: HTTP status and AWS's error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def throttling_error(reason: str) -> LambdaApiError:
    """Return AWS's error for an invocation without free concurrency; ``reason`` is a note."""
    error = LambdaApiError(429, "TooManyRequestsException", "Rate Exceeded.")
    error.add_note(reason)
    return error
