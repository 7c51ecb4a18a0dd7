"""Start failed and lost runs again, by the events that are kept with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.errors import ScarError
from scar.runs.logs import FunctionNotFoundError
from scar.runs.states import RunState
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.runs.ledger import Run, RunLedger

RETRYABLE_STATES = (RunState.FAILED, RunState.LOST)
# Whoever names a run that waits knows better: its event may have been lost on the way.
RETRYABLE_BY_NAME = (*RETRYABLE_STATES, RunState.WAITING)


class NotRetryableError(ScarError):
    """A run cannot be started again by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriedRun:
    """A run that was sent again, and the request that it got."""

    run: Run
    request_id: str


def retry_run(
    ledger: RunLedger, run: Run, enqueue: Callable[[str, dict[str, object]], str]
) -> RetriedRun:
    """Send the run's event to its function again; the run keeps its id.

    ``enqueue`` hands a payload to a function's asynchronous queue and returns the request id.
    Raise CannotRetry for a run that is done or at work, whose event was not kept or whose
    function is gone. What could not be sent stays as it was.
    """
    if run.state not in RETRYABLE_BY_NAME:
        raise NotRetryableError(
            f"The run {run.path} is {run.state.value}.",
            remedy="Only failed and lost runs are started again; `scar run` repeats a file.",
        )
    event = prepare_retry(ledger, run)
    try:
        request = enqueue(run.path.function, event)
    except FunctionNotFoundError as error:
        ledger.delete_retry_mark(run.path)
        raise NotRetryableError(
            f"The function of the run {run.path} is gone.",
            remedy="`scar init` makes it again, then the run can be started.",
        ) from error
    except BaseException:
        ledger.delete_retry_mark(run.path)
        raise
    return RetriedRun(run=run, request_id=request)


def prepare_retry(ledger: RunLedger, run: Run) -> dict[str, object]:
    """Note that a run is sent again and return its event; raise CannotRetry if it was not kept."""
    event = _read_event(ledger, run)
    # First the note: the run may be over before a later one were written.
    ledger.write_retry_mark(run.path)
    return event


def _read_event(ledger: RunLedger, run: Run) -> dict[str, object]:
    claim = ledger.read_record(run.path, records.CLAIM) or {}
    text = claim.get("event") or ledger.read_event(run.path)
    if (
        not isinstance(text, str)
        or not text
        or len(text.encode()) > limits.LAMBDA_ASYNC_PAYLOAD.maximum
    ):
        raise NotRetryableError(
            f"The event of the run {run.path} was not kept: it was too large.",
            remedy="Call the function again with the same input.",
        )
    event: object = json.loads(text)
    if not isinstance(event, dict):
        raise NotRetryableError(
            f"The event of the run {run.path} is no JSON object.",
            remedy="Call the function again with the same input.",
        )
    return event
