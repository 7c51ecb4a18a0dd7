"""Lambda's own log lines and the error documents that it writes for a function.

Shapes as seen in public logs and in the runtime interface emulator, November 2026.
"""

from __future__ import annotations

import json
import math
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from scar.local.lambda_.model import LATEST_VERSION, SYNC_PAYLOAD

if TYPE_CHECKING:
    from scar.local.engines.port import SandboxExit

UNHANDLED: Final = "Unhandled"
EXIT_ERROR: Final = "Runtime.ExitError"
OUT_OF_MEMORY: Final = "Runtime.OutOfMemory"
TIMED_OUT: Final = "Sandbox.Timedout"
TOO_LARGE: Final = "Function.ResponseSizeTooLarge"

_SIGNALS: Final[dict[int, str]] = {
    signal.SIGKILL: "killed",
    signal.SIGTERM: "terminated",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGINT: "interrupt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFailure:
    """A failure that Lambda reports for a function; ``log_lines`` are written to its log."""

    error_type: str
    payload: bytes
    log_lines: tuple[str, ...] = ()
    status: str = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationUsage:
    """Usage of one invocation: seconds and MiB. ``init_duration`` is None if it was warm."""

    duration: float
    memory_mb: int
    peak_mb: int
    init_duration: float | None = None


def start_line(request_id: str) -> str:
    """Return the first line of an invocation's log."""
    return f"START RequestId: {request_id} Version: {LATEST_VERSION}\n"


def end_line(request_id: str) -> str:
    """Return the line that ends an invocation's output."""
    return f"END RequestId: {request_id}\n"


def report_line(request_id: str, usage: InvocationUsage, failure: FunctionFailure | None) -> str:
    """Return the REPORT line; initialisation is billed (since August 2025)."""
    milliseconds = usage.duration * 1000
    billed = math.ceil(milliseconds + (usage.init_duration or 0) * 1000)
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {max(billed, 1)} ms",
        f"Memory Size: {usage.memory_mb} MB",
        f"Max Memory Used: {min(usage.peak_mb, usage.memory_mb)} MB",
    ]
    if usage.init_duration is not None:
        parts.append(f"Init Duration: {usage.init_duration * 1000:.2f} ms")
    if failure is not None:
        parts.append(f"Status: {failure.status}")
        if failure.status == "error":
            parts.append(f"Error Type: {failure.error_type}")
    return "\t".join(parts) + "\t\n"


def init_report_line(seconds: float, failure: FunctionFailure | None) -> str:
    """Return the INIT_REPORT line; without a failure the initialisation timed out."""
    status = "timeout" if failure is None else f"error\tError Type: {failure.error_type}"
    return f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: init\tStatus: {status}\n"


def timeout_failure(request_id: str, seconds: int, now: float) -> FunctionFailure:
    """Return the failure of an invocation that exceeded the function's timeout."""
    message = f"Task timed out after {seconds}.00 seconds"
    timestamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return FunctionFailure(
        error_type=TIMED_OUT,
        payload=error_document(TIMED_OUT, f"RequestId: {request_id} Error: {message}"),
        log_lines=(f"{timestamp.replace('+00:00', 'Z')} {request_id} {message}\n\n",),
        status="timeout",
    )


def exit_failure(request_id: str, sandbox_exit: SandboxExit) -> FunctionFailure:
    """Return the failure of a sandbox whose main process exited before it responded."""
    error_type = OUT_OF_MEMORY if sandbox_exit.out_of_memory else EXIT_ERROR
    message = f"RequestId: {request_id} Error: {_exit_reason(sandbox_exit)}"
    return FunctionFailure(
        error_type=error_type,
        payload=error_document(error_type, message),
        log_lines=(f"{message}\n{error_type}\n",),
    )


def start_failure(request_id: str, problem: str) -> FunctionFailure:
    """Return the failure of an invocation whose sandbox could not be started."""
    error_type = "Runtime.InvalidEntrypoint"
    message = f"RequestId: {request_id} Error: {problem}"
    return FunctionFailure(
        error_type=error_type,
        payload=error_document(error_type, message),
        log_lines=(f"{message}\n{error_type}\n",),
    )


def response_size_failure(size: int) -> FunctionFailure:
    """Return the failure of a response that exceeds Lambda's limit."""
    message = (
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size "
        f"({SYNC_PAYLOAD} bytes)."
    )
    return FunctionFailure(
        error_type=TOO_LARGE,
        payload=error_document(TOO_LARGE, message),
        log_lines=(f"{message}\n",),
    )


def parse_failure(payload: bytes, header_type: str) -> FunctionFailure:
    """Return the failure that the runtime reported; ``header_type`` is used without a body type."""
    try:
        document = json.loads(payload)
    except ValueError:
        document = None
    error_type = document.get("errorType") if isinstance(document, dict) else None
    return FunctionFailure(
        error_type=str(error_type or header_type or "Runtime.Unknown"), payload=payload
    )


def error_document(error_type: str, message: str) -> bytes:
    """Return an error document as Lambda returns it to callers."""
    return json.dumps(
        {"errorType": error_type, "errorMessage": message},
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()


def _exit_reason(sandbox_exit: SandboxExit) -> str:
    if sandbox_exit.status == 0:
        return "Runtime exited without providing a reason"
    if sandbox_exit.status <= 128:
        return f"Runtime exited with error: exit status {sandbox_exit.status}"
    number = sandbox_exit.status - 128
    return f"Runtime exited with error: signal: {_SIGNALS.get(number, number)}"
