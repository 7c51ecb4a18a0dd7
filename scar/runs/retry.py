"""Start failed and lost runs again with their recorded events."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.errors import ScarError
from scar.runs.endpoints.repetition import parse_direct, parse_single, without_caller
from scar.runs.endpoints.stored_bodies import BodyGoneError, event_size, with_own_body
from scar.runs.history.recorded_event import read_recorded_event
from scar.runs.history.repetitions import read_repetition
from scar.runs.ledger import RunChangedError
from scar.runs.logs import FunctionNotFoundError
from scar.runs.states import FAILURE_STATES, LAMBDA_LEASE, RunState, is_cancelled, is_not_begun
from supervisor.invocation import DirectInvocation, ObjectEvent
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.runs.ledger import Run, RunLedger

RETRYABLE_STATES = FAILURE_STATES
# A run that the user names may be in Lambda's queue already: its event may have been dropped.
RETRYABLE_BY_NAME = FAILURE_STATES | {RunState.WAITING}
# S3 keeps whole seconds, so two records have different times if more than a second is between them.
NEXT_SECOND = 1.1
# Seconds by which the clocks of S3 and of Lambda may differ.
CLOCK_SKEW = 300.0
_INVOKE_AGAIN = "Invoke the function again with the same input."


class NotRetryableError(ScarError):
    """A run cannot be retried: its state, its event or its function does not allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriedRun:
    """A run whose event was sent again, and the id of the new request.

    ``repeated_as`` is the id of the new run, empty if the run keeps its own.
    """

    run: Run
    request_id: str
    repeated_as: str = ""


def retry_run(
    ledger: RunLedger,
    run: Run,
    enqueue: Callable[[str, dict[str, object]], str],
    sleep: Callable[[float], None] = time.sleep,
) -> RetriedRun:
    """Send the run's event to its function again.

    A run on an object keeps its id. A direct invocation has no id but its request's: it continues
    as another run, which waits from now on, and this one ends as ``RunState.REPEATED``.

    ``enqueue`` invokes a function asynchronously with a payload and returns the request id.
    Raise NotRetryableError for a run that is done or in progress, whose event or body was not kept
    or whose function no longer exists. If the event cannot be sent, the run keeps its state.
    """
    if run.state not in RETRYABLE_BY_NAME:
        raise NotRetryableError(
            f"Run {run.path} ({run.state_text}) cannot be retried.",
            remedy=_refusal_remedy(ledger, run),
        )
    if run.state is RunState.WAITING and is_not_begun(run.record_times):
        # Another request would be another run: the script would run twice.
        raise NotRetryableError(
            f"Run {run.path} waits in Lambda's queue already.",
            remedy="`scar wait` waits for it. To start it anew, cancel it first: `scar cancel`.",
        )
    event = _read_event(ledger, run)
    keeps_id = _starts_same_run(run, event)
    if keeps_id:
        event = _require_sendable(run, event)
        with _refusing_changes():
            _mark_retried(ledger, run, sleep)
    else:
        event = _build_repetition(ledger, run, event)
    try:
        request = enqueue(run.path.function, event)
    except BaseException as error:
        if keeps_id:
            _restore(ledger, run)
        if isinstance(error, FunctionNotFoundError):
            raise NotRetryableError(
                f"The function of run {run.path} no longer exists.",
                remedy="Create it with `scar init`, then retry the run.",
            ) from error
        raise
    if keeps_id:
        return RetriedRun(run=run, request_id=request)
    new_id = _mark_repeated(ledger, run, request, event)
    return RetriedRun(run=run, request_id=request, repeated_as=new_id)


def prepare_retry(
    ledger: RunLedger, run: Run, sleep: Callable[[float], None] = time.sleep
) -> dict[str, object]:
    """Write the retry marker of a run on an object and return its event.

    Raise NotRetryableError if the event was not recorded, or if the run was changed since.
    """
    event = _require_sendable(run, _read_event(ledger, run))
    with _refusing_changes():
        _mark_retried(ledger, run, sleep)
    return event


def reopen_run(ledger: RunLedger, run: Run) -> tuple[Run, dict[str, object]]:
    """Let another job take over a failed or lost run on an object.

    Return the run as its records are then, and its event. It remains failed until that job has
    begun. Raise NotRetryableError if its event was not recorded, if it is a direct invocation,
    whose event would be another run, or if it was changed since it was listed.
    """
    event = read_object_event(ledger, run)
    with _refusing_changes():
        # No pause: nothing is written after the record of a loss.
        return _release(ledger, run, sleep=lambda _: None), event


def read_object_event(ledger: RunLedger, run: Run) -> dict[str, object]:
    """Return the event of a run on an object; raise NotRetryableError as ``reopen_run`` does."""
    event = _require_sendable(run, _read_event(ledger, run))
    if not _starts_same_run(run, event):
        raise NotRetryableError(
            f"Run {run.path} is a direct invocation.", remedy="`scar retry` with its id repeats it."
        )
    return event


def _build_repetition(ledger: RunLedger, run: Run, event: dict[str, object]) -> dict[str, object]:
    """Return the event of the run that continues this direct invocation, with its own body."""
    event = without_caller(event, lambda: _safe_date(ledger, run))
    with _refusing_changes():
        event = with_own_body(ledger, run.path.function, event)
    return _require_sendable(run, event)


def _starts_same_run(run: Run, event: dict[str, object]) -> bool:
    """Return whether this event belongs to the run, whatever request delivers it."""
    trigger = parse_single(event)
    if not isinstance(trigger, ObjectEvent):
        return False
    path = record_format.run_path(run.path.function, trigger, "", "", ("", ""))
    return path == run.path


def _mark_retried(ledger: RunLedger, run: Run, sleep: Callable[[float], None]) -> None:
    """Record that the run's event is sent again, so that it counts as waiting."""
    _release(ledger, run, sleep)
    # The marker is written before the event is sent. Written after it, it could be newer than the
    # records of the new attempt, and the run would count as waiting although it has ended.
    ledger.write_record(run.path, record_format.RETRY, {"run": str(run.path)})


def _release(ledger: RunLedger, run: Run, sleep: Callable[[float], None]) -> Run:
    """Make another process take over the run as soon as it starts; return the run since.

    Raise RunChangedError if another command has done so since the run was listed: then the records
    may be those of the job that it has started, and even the run's result.
    """
    if is_cancelled(run.record_times):
        # In this order: what a crash leaves in between is a failed run.
        ledger.delete_listed_record(run, record_format.DONE)
        ledger.delete_record(run.path, record_format.CANCELLED)
        removed = (record_format.DONE, record_format.CANCELLED)
        times = {name: t for name, t in run.record_times.items() if name not in removed}
        run = replace(run, record_times=times)
    if run.state is RunState.LOST:
        _record_loss(ledger, run, sleep)
        run = replace(run, state=RunState.FAILED)
    return run


def _record_loss(ledger: RunLedger, run: Run, sleep: Callable[[float], None]) -> None:
    """Record the end of a lost run in the name of its owner, whose lease may last for minutes.

    The function would take the event for a duplicate until then, and start nothing.
    """
    claim = ledger.read_listed_record(run, record_format.CLAIM) or {}
    owner = claim.get("owner")
    is_expired = ledger.now - run.record_times.get(record_format.CLAIM, 0.0) > LAMBDA_LEASE
    if is_expired or not isinstance(owner, dict):
        return
    ledger.replace_record(
        run,
        record_format.ERROR,
        {
            "owner": owner,
            "kind": "Lost",
            "problem": "Its process or its Batch job ended without recording why.",
            "remedy": "`scar retry` starts the run again.",
            "log_group": str(claim.get("log_group", "")),
            "log_stream": str(claim.get("log_stream", "")),
        },
    )
    sleep(NEXT_SECOND)  # the retry marker must be newer than this record


@contextlib.contextmanager
def _refusing_changes() -> Iterator[None]:
    """Refuse to retry a run that was changed or whose body is gone, and not the runs beside it."""
    try:
        yield
    except (RunChangedError, BodyGoneError) as error:
        raise NotRetryableError(error.problem, remedy=error.remedy) from error


def _restore(ledger: RunLedger, run: Run) -> None:
    """Undo ``_mark_retried``: no event was sent.

    Errors are ignored: the caller raises the one because of which the event was not sent. The run
    then counts as waiting until Lambda would have dropped the event, and can be retried by its id.
    """
    with contextlib.suppress(ScarError):
        ledger.delete_record(run.path, record_format.RETRY)
    if is_cancelled(run.record_times):
        with contextlib.suppress(ScarError):
            ledger.write_record(run.path, record_format.CANCELLED, {"run": str(run.path)})
            ledger.write_if_absent(run.path, record_format.DONE, {"state": "cancelled"})


def _mark_repeated(ledger: RunLedger, run: Run, request: str, event: dict[str, object]) -> str:
    """Record which run continues a direct invocation, and that it waits; return its id."""
    trigger = parse_direct(event) or DirectInvocation(event="")
    today = "" if trigger.accepted else _safe_date(ledger, run)
    new_run = record_format.run_path(run.path.function, trigger, request, today, ("", ""))
    new_id = new_run.run_id
    waiting = {
        "run": str(new_run),
        "request": request,
        "repeats": str(run.path),
        "event": json.dumps(event),
    }
    ended = {"run": str(run.path), "request": request, "repeated_as": new_id}
    try:
        # In this order: after a crash in between, both runs are counted.
        ledger.write_record(new_run, record_format.REPEATS, waiting)
        ledger.write_record(run.path, record_format.REPEATED, ended)
    except ScarError as error:
        raise ScarError(
            f"Run {run.path} was started again as {new_id}, but that could not be recorded:"
            f" {error.problem}",
            remedy=f"{error.remedy} Do not retry this run once more: it would run twice.",
        ) from error
    return new_id


def _safe_date(ledger: RunLedger, run: Run) -> str:
    """Return the date of a new run: not later than the day on which the supervisor claims it."""
    now = ledger.read_time(run.path)  # the supervisor's clock may be slow
    return f"{datetime.fromtimestamp(now - CLOCK_SKEW, UTC):%Y-%m-%d}"


def _refusal_remedy(ledger: RunLedger, run: Run) -> str:
    if run.state is RunState.REPEATED:
        new_id = read_repetition(ledger, run)
        return f"It was repeated as {new_id}: retry that run, or see `scar why {new_id}`."
    return "Only failed and lost runs can be retried. `scar run` runs a function on a file again."


def _read_event(ledger: RunLedger, run: Run) -> dict[str, object]:
    with _refusing_changes():
        event = read_recorded_event(ledger, run)
    if not isinstance(event, dict):
        why = "was not recorded" if event is None else "is not a JSON object"
        raise NotRetryableError(f"The event of run {run.path} {why}.", remedy=_INVOKE_AGAIN)
    return event


def _require_sendable(run: Run, event: dict[str, object]) -> dict[str, object]:
    size, maximum = event_size(event), limits.LAMBDA_ASYNC_PAYLOAD.maximum
    if size > maximum:
        raise NotRetryableError(
            f"The event of run {run.path} has {size:,} bytes; Lambda's queue takes {maximum:,}.",
            remedy=_INVOKE_AGAIN,
        )
    return event
