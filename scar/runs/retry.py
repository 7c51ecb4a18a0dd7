"""Start failed and lost runs again, by the events that are kept with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.errors import ScarError
from scar.runs.logs import NoSuchFunction
from scar.runs.states import State
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.runs.ledger import Ledger, Run

AGAIN = (State.FAILED, State.LOST)
# Whoever names a run that waits knows better: its event may have been lost on the way.
NAMED = (*AGAIN, State.WAITING)


class CannotRetry(ScarError):
    """A run cannot be started again by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A run that was sent again, and the request that it got."""

    run: Run
    request: str


def retry(ledger: Ledger, run: Run, enqueue: Callable[[str, dict[str, object]], str]) -> Retried:
    """Send the run's event to its function again; the run keeps its id.

    ``enqueue`` hands a payload to a function's asynchronous queue and returns the request id.
    Raise CannotRetry for a run that is done or at work, whose event was not kept or whose
    function is gone. What could not be sent stays as it was.
    """
    if run.state not in NAMED:
        raise CannotRetry(
            f"The run {run.path} is {run.state.value}.",
            remedy="Only failed and lost runs are started again; `scar run` repeats a file.",
        )
    event = event_again(ledger, run)
    try:
        request = enqueue(run.path.function, event)
    except NoSuchFunction as error:
        ledger.forget_retry(run.path)
        raise CannotRetry(
            f"The function of the run {run.path} is gone.",
            remedy="`scar init` makes it again, then the run can be started.",
        ) from error
    except BaseException:
        ledger.forget_retry(run.path)
        raise
    return Retried(run=run, request=request)


def event_again(ledger: Ledger, run: Run) -> dict[str, object]:
    """Note that a run is sent again and return its event; raise CannotRetry if it was not kept."""
    event = _event(ledger, run)
    # First the note: the run may be over before a later one were written.
    ledger.note_retry(run.path)
    return event


def _event(ledger: Ledger, run: Run) -> dict[str, object]:
    claim = ledger.read(run.path, records.CLAIM) or {}
    text = claim.get("event") or ledger.event(run.path)
    if (
        not isinstance(text, str)
        or not text
        or len(text.encode()) > limits.LAMBDA_ASYNC_PAYLOAD.most
    ):
        raise CannotRetry(
            f"The event of the run {run.path} was not kept: it was too large.",
            remedy="Call the function again with the same input.",
        )
    event: object = json.loads(text)
    if not isinstance(event, dict):
        raise CannotRetry(
            f"The event of the run {run.path} is no JSON object.",
            remedy="Call the function again with the same input.",
        )
    return event
