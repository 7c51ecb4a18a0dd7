"""How each state of a run ends: by an event, after a time, or by a command.

The table in ``docs/architecture.md`` is this module's; a test compares them, and another one walks
random histories of runs and tries the exits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.runs.cancel import CANCELLABLE_STATES
from scar.runs.retry import RETRYABLE_BY_NAME
from scar.runs.states import LAMBDA_LEASE, MAX_EVENT_AGE, MAX_SUBMISSION_WAIT, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class StateExit:
    """How a state ends.

    ``event`` is what happens normally; after ``seconds`` without it the run is shown as
    ``expires_as``. ``seconds`` None: the state has no time limit.
    """

    event: str
    seconds: float | None = None
    expires_as: str = ""


EXITS: Mapping[RunState, StateExit] = {
    RunState.WAITING: StateExit(
        event="Lambda delivers the event: `lambda`; the failure handler submits it: `queued`, or"
        " gives up: `failed`",
        seconds=max(MAX_EVENT_AGE, MAX_SUBMISSION_WAIT),
        expires_as="`lost` (not submitted to Batch); after 6 h as `failed` or `lost` as before its"
        " retry, or `lost` (a repeated direct call, an accepted request)",
    ),
    RunState.LAMBDA: StateExit(
        event="its request ends: `done`, `failed`, `queued` or `waiting`",
        seconds=LAMBDA_LEASE,
        expires_as="`lost`; a minute after the function's timeout if that is shorter",
    ),
    RunState.QUEUED: StateExit(
        event="its job starts: `running`; its job ends without starting: `lost`",
    ),
    RunState.RUNNING: StateExit(
        event="its job ends: `done` or `failed`; Batch retries the job: `queued`; its job is gone:"
        " `lost`, a minute after its last record",
        seconds=LAMBDA_LEASE,
        expires_as="`lost`",
    ),
    RunState.DONE: StateExit(event="none: it has ended"),
    RunState.FAILED: StateExit(event="none: it has ended (if Batch retries its job: `queued`)"),
    RunState.LOST: StateExit(event="none: it has ended"),
    RunState.REPEATED: StateExit(
        event="none: it has ended; `scar why` names the run that continues it"
    ),
}


def commands_for(state: RunState) -> tuple[str, ...]:
    """Return the commands that accept a run in this state."""
    commands = {"scar cancel": CANCELLABLE_STATES, "scar retry": RETRYABLE_BY_NAME}
    return tuple(command for command, states in commands.items() if state in states)


def exits_as_markdown() -> str:
    """Return the table of all states and their exits."""
    lines = ["| state | ends by | time limit | command |", "|---|---|---|---|"]
    for state in RunState:
        exit_ = EXITS[state]
        limit = f"{_duration(exit_.seconds)}: {exit_.expires_as}" if exit_.seconds else "none"
        commands = ", ".join(f"`{command}`" for command in commands_for(state)) or "none needed"
        lines.append(f"| {state} | {exit_.event} | {limit} | {commands} |")
    return "\n".join(lines) + "\n"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(
        f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min")) if number
    )
