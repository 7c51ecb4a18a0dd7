"""Start failed and lost runs again with their recorded events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.errors import ScarError
from scar.runs.logs import FunctionNotFoundError
from scar.runs.states import RunState
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.runs.ledger import Run, RunLedger

RETRYABLE_STATES = (RunState.FAILED, RunState.LOST)
# A run that the user names may be in Lambda's queue already: its event may have been dropped.
RETRYABLE_BY_NAME = (*RETRYABLE_STATES, RunState.WAITING)


class NotRetryableError(ScarError):
    """A run cannot be retried: its state, its event or its function does not allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriedRun:
    """A run whose event was sent again, and the id of the new request."""

    run: Run
    request_id: str


def retry_run(
    ledger: RunLedger, run: Run, enqueue: Callable[[str, dict[str, object]], str]
) -> RetriedRun:
    """Send the run's event to its function again; the run keeps its id.

    ``enqueue`` invokes a function asynchronously with a payload and returns the request id.
    Raise NotRetryableError for a run that is done or in progress, whose event was not recorded
    or whose function no longer exists. If the event cannot be sent, the run keeps its state.
    """
    if run.state not in RETRYABLE_BY_NAME:
        raise NotRetryableError(
            f"Run {run.path} ({run.state_text}) cannot be retried.",
            remedy="Only failed and lost runs can be retried. `scar run` runs a function on a file"
            " again.",
        )
    event = prepare_retry(ledger, run)
    try:
        request = enqueue(run.path.function, event)
    except FunctionNotFoundError as error:
        ledger.delete_retry_mark(run.path)
        raise NotRetryableError(
            f"The function of run {run.path} no longer exists.",
            remedy="Create it with `scar init`, then retry the run.",
        ) from error
    except BaseException:
        ledger.delete_retry_mark(run.path)
        raise
    return RetriedRun(run=run, request_id=request)


def prepare_retry(ledger: RunLedger, run: Run) -> dict[str, object]:
    """Write the run's retry marker and return its event.

    Raise NotRetryableError if the event was not recorded.
    """
    event = _read_event(ledger, run)
    # The marker is written before the event is sent. Written after it, it could be newer than the
    # records of the new attempt, and the run would count as waiting although it has ended.
    ledger.write_retry_mark(run.path)
    return event


def _read_event(ledger: RunLedger, run: Run) -> dict[str, object]:
    claim = ledger.read_record(run.path, record_format.CLAIM) or {}
    text = claim.get("event") or ledger.read_event(run.path)
    if (
        not isinstance(text, str)
        or not text
        or len(text.encode()) > limits.LAMBDA_ASYNC_PAYLOAD.maximum
    ):
        raise NotRetryableError(
            f"The event of run {run.path} was not recorded: it was too large.",
            remedy="Invoke the function again with the same input.",
        )
    event: object = json.loads(text)
    if not isinstance(event, dict):
        raise NotRetryableError(
            f"The event of run {run.path} is not a JSON object.",
            remedy="Invoke the function again with the same input.",
        )
    return event
