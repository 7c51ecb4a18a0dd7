"""Apply an action to many runs, in parallel, and show what was done even if it is interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.cli.formatting import format_count
from scar.cli.run_output import show_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from scar.cli.session import Session
    from scar.errors import ScarError
    from scar.runs.ledger import Run

PARALLEL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAction:
    """What is done to each run: ``apply`` returns the id of the request or job.

    An error of the class ``refusal`` concerns one run only; any other error ends the command.
    ``verb`` is the past tense, as in ``Started``. ``arrays`` are array jobs to which it was applied
    already, with the ids of their jobs. Requests are paced by the SDK's clients.
    """

    apply: Callable[[Run], str]
    refusal: type[ScarError]
    verb: str
    arrays: Mapping[str, str] = field(default_factory=dict)


def apply_to_runs(session: Session, runs: Iterable[Run], action: RunAction) -> list[ScarError]:
    """Apply the action to each run and show the runs; return the refusals.

    After an error or Ctrl-C, show the runs that were changed before it, then raise.
    """
    from scar.transfer.pool import map_unordered

    done: list[tuple[Run, str]] = []
    refused: list[ScarError] = []

    def apply(run: Run) -> None:
        # Appended here, not by the loop below: that one ends with the first error, but the
        # requests in progress still take effect.
        try:
            done.append((run, action.apply(run)))
        except action.refusal as error:
            refused.append(error)

    try:
        for _ in map_unordered(runs, apply, workers=PARALLEL):
            session.terminal.show_progress(f"{action.verb} {format_count(len(done), 'run')}")
    except BaseException:
        session.terminal.clear_progress()
        if done or action.arrays:
            show_runs(session, done, f"Stopped early. {action.verb}", action.arrays)
        raise
    session.terminal.clear_progress()
    if done or action.arrays or not refused or session.json:
        show_runs(session, done, action.verb, action.arrays)
    return refused
