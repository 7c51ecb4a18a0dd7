"""Lambda's own log lines and the error documents that it writes for a function. Pure.

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
    """A failure that Lambda reports on a function's behalf; ``lines`` go to its log."""

    error_type: str
    payload: bytes
    log_lines: tuple[str, ...] = ()
    status: str = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationUsage:
    """What one call took: seconds and MiB. ``init`` is None for a warm call."""

    duration: float
    memory_mb: int
    peak_mb: int
    init_duration: float | None = None


def start_line(request_id: str) -> str:
    """Make the line that opens a call's log."""
    return f"START RequestId: {request_id} Version: {LATEST_VERSION}\n"


def end_line(request_id: str) -> str:
    """Make the line that closes a call's log."""
    return f"END RequestId: {request_id}\n"


def report_line(request_id: str, usage: InvocationUsage, failure: FunctionFailure | None) -> str:
    """Make the line that sums a call up; initialisation is billed (since August 2025)."""
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
    """Make the line that says how an initialisation failed, or that it took too long."""
    status = "timeout" if failure is None else f"error\tError Type: {failure.error_type}"
    return f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: init\tStatus: {status}\n"


def timeout_failure(request_id: str, seconds: int, now: float) -> FunctionFailure:
    """The call used up its time."""
    said = f"Task timed out after {seconds}.00 seconds"
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return FunctionFailure(
        error_type=TIMED_OUT,
        payload=error_document(TIMED_OUT, f"RequestId: {request_id} Error: {said}"),
        log_lines=(f"{moment.replace('+00:00', 'Z')} {request_id} {said}\n\n",),
        status="timeout",
    )


def exit_failure(request_id: str, sandbox_exit: SandboxExit) -> FunctionFailure:
    """The sandbox's main process ended before it had answered."""
    kind = OUT_OF_MEMORY if sandbox_exit.out_of_memory else EXIT_ERROR
    said = f"RequestId: {request_id} Error: {_exit_reason(sandbox_exit)}"
    return FunctionFailure(
        error_type=kind, payload=error_document(kind, said), log_lines=(f"{said}\n{kind}\n",)
    )


def start_failure(request_id: str, problem: str) -> FunctionFailure:
    """No sandbox could be started at all."""
    kind = "Runtime.InvalidEntrypoint"
    said = f"RequestId: {request_id} Error: {problem}"
    return FunctionFailure(
        error_type=kind, payload=error_document(kind, said), log_lines=(f"{said}\n{kind}\n",)
    )


def response_size_failure(size: int) -> FunctionFailure:
    """The function answered with more than Lambda passes on."""
    said = (
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size "
        f"({SYNC_PAYLOAD} bytes)."
    )
    return FunctionFailure(
        error_type=TOO_LARGE, payload=error_document(TOO_LARGE, said), log_lines=(f"{said}\n",)
    )


def parse_failure(payload: bytes, header_type: str) -> FunctionFailure:
    """The runtime itself reported an error; ``named`` is the type in its header, if any."""
    try:
        said = json.loads(payload)
    except ValueError:
        said = None
    kind = said.get("errorType") if isinstance(said, dict) else None
    return FunctionFailure(
        error_type=str(kind or header_type or "Runtime.Unknown"), payload=payload
    )


def error_document(error_type: str, message: str) -> bytes:
    """Write an error as Lambda hands it to callers."""
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
