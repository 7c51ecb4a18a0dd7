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

from scar.local.lambda_.model import SYNC_PAYLOAD, VERSION

if TYPE_CHECKING:
    from scar.local.engines.port import Exit

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
class Failure:
    """A failure that Lambda reports on a function's behalf; ``lines`` go to its log."""

    kind: str
    payload: bytes
    lines: tuple[str, ...] = ()
    status: str = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call took: seconds and MiB. ``init`` is None for a warm call."""

    duration: float
    memory_mb: int
    peak_mb: int
    init: float | None = None


def started(request_id: str) -> str:
    """Make the line that opens a call's log."""
    return f"START RequestId: {request_id} Version: {VERSION}\n"


def finished(request_id: str) -> str:
    """Make the line that closes a call's log."""
    return f"END RequestId: {request_id}\n"


def report(request_id: str, usage: Usage, failure: Failure | None) -> str:
    """Make the line that sums a call up; initialisation is billed (since August 2025)."""
    milliseconds = usage.duration * 1000
    billed = math.ceil(milliseconds + (usage.init or 0) * 1000)
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {max(billed, 1)} ms",
        f"Memory Size: {usage.memory_mb} MB",
        f"Max Memory Used: {min(usage.peak_mb, usage.memory_mb)} MB",
    ]
    if usage.init is not None:
        parts.append(f"Init Duration: {usage.init * 1000:.2f} ms")
    if failure is not None:
        parts.append(f"Status: {failure.status}")
        if failure.status == "error":
            parts.append(f"Error Type: {failure.kind}")
    return "\t".join(parts) + "\t\n"


def init_report(seconds: float, failure: Failure | None) -> str:
    """Make the line that says how an initialisation failed, or that it took too long."""
    status = "timeout" if failure is None else f"error\tError Type: {failure.kind}"
    return f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: init\tStatus: {status}\n"


def timed_out(request_id: str, seconds: int, now: float) -> Failure:
    """The call used up its time."""
    said = f"Task timed out after {seconds}.00 seconds"
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return Failure(
        kind=TIMED_OUT,
        payload=document(TIMED_OUT, f"RequestId: {request_id} Error: {said}"),
        lines=(f"{moment.replace('+00:00', 'Z')} {request_id} {said}\n\n",),
        status="timeout",
    )


def exited(request_id: str, ended: Exit) -> Failure:
    """The sandbox's main process ended before it had answered."""
    kind = OUT_OF_MEMORY if ended.out_of_memory else EXIT_ERROR
    said = f"RequestId: {request_id} Error: {_reason(ended)}"
    return Failure(kind=kind, payload=document(kind, said), lines=(f"{said}\n{kind}\n",))


def not_started(request_id: str, problem: str) -> Failure:
    """No sandbox could be started at all."""
    kind = "Runtime.InvalidEntrypoint"
    said = f"RequestId: {request_id} Error: {problem}"
    return Failure(kind=kind, payload=document(kind, said), lines=(f"{said}\n{kind}\n",))


def response_too_large(size: int) -> Failure:
    """The function answered with more than Lambda passes on."""
    said = (
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size "
        f"({SYNC_PAYLOAD} bytes)."
    )
    return Failure(kind=TOO_LARGE, payload=document(TOO_LARGE, said), lines=(f"{said}\n",))


def told(payload: bytes, named: str) -> Failure:
    """The runtime itself reported an error; ``named`` is the type in its header, if any."""
    try:
        said = json.loads(payload)
    except ValueError:
        said = None
    kind = said.get("errorType") if isinstance(said, dict) else None
    return Failure(kind=str(kind or named or "Runtime.Unknown"), payload=payload)


def document(kind: str, message: str) -> bytes:
    """Write an error as Lambda hands it to callers."""
    return json.dumps(
        {"errorType": kind, "errorMessage": message}, separators=(",", ":"), ensure_ascii=False
    ).encode()


def _reason(ended: Exit) -> str:
    if ended.status == 0:
        return "Runtime exited without providing a reason"
    if ended.status <= 128:
        return f"Runtime exited with error: exit status {ended.status}"
    number = ended.status - 128
    return f"Runtime exited with error: signal: {_SIGNALS.get(number, number)}"
