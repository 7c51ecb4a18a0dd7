"""Refuse a shell for runs that do not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.runs.states import FINISHED_STATES, STATE_TEXTS, RunState

if TYPE_CHECKING:
    from scar.runs.ledger import Run


class RunNotRunningError(ScarError):
    """The run has not begun or has ended, so there is nothing to enter."""


def require_running(run: Run) -> None:
    """Raise RunNotRunningError unless the run is in Lambda, or running in Batch."""
    if run.state in (RunState.LAMBDA, RunState.RUNNING):
        return
    if run.state in FINISHED_STATES:
        raise RunNotRunningError(
            f"Run {run.path} has ended ({STATE_TEXTS[run.state]}).",
            remedy="`scar log --run` shows what it printed, `scar retry` starts it again.",
        )
    raise RunNotRunningError(
        f"Run {run.path} has not begun ({STATE_TEXTS[run.state]}).",
        remedy="`scar why` shows what it waits for.",
    )
