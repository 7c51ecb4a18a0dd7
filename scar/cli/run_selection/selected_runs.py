"""Select functions and runs: by name, FDL file, input file, time or state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.cli.fdl_files import connect_names
from scar.cli.run_selection.status_query import StatusScope, read_status
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.arrays.array_counts import LostChild
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.states import RunState

_ALL = 1_000_000
_NO_RUNS = (
    "scar-failure-handler has no runs that can be started again or cancelled: its records are of"
    " messages that nothing confirms. `scar status -n scar-failure-handler` lists them."
)


def connect_functions(
    session: Session, names: Sequence[str], file: Path | None
) -> tuple[AwsConnection, tuple[str, ...]]:
    """Connect; return the names of the functions that -n and -f select, none without them."""
    selected = tuple(dict.fromkeys(names))
    if file is None:
        return session.connect(), selected
    connection, document = connect_names(session, file)
    known = tuple(entry.lambda_.name for entry in document.functions.aws)
    for name in selected:
        if name not in known:
            raise UsageError(
                f"{file} has no function {name}.", remedy=f"Its functions: {', '.join(known)}."
            )
    return connection, selected or known


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSelection:
    """The runs that ``names`` names, by run id or input file; without names, all in a state."""

    names: Sequence[str]
    functions: tuple[str, ...]
    since: datetime | None
    states: Collection[RunState]


def read_failures(
    session: Session, connection: AwsConnection, selection: RunSelection
) -> tuple[tuple[Run, ...], list[LostChild]]:
    """Return all runs in the states of a selection without names, newest first.

    And the children of arrays that ended without a record: they have no run.
    """
    functions = _without_failure_handler(session, selection.functions)
    if functions is None:
        return (), []
    scope = StatusScope(
        functions=functions, since=selection.since, states=selection.states, most=_ALL
    )
    report = read_status(session, connection, scope)
    return report.recent, [child for one in report.functions for child in one.lost_children]


def _without_failure_handler(
    session: Session, functions: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the functions that have runs, empty for all; None if only the handler was named."""
    from scar.aws.model import names

    if names.FAILURE_HANDLER not in functions:
        return functions
    session.terminal.write_message(_NO_RUNS)
    return tuple(name for name in functions if name != names.FAILURE_HANDLER) or None


def select_runs(
    session: Session, connection: AwsConnection, ledger: RunLedger, selection: RunSelection
) -> Iterator[Run]:
    """Yield the selected runs; raise RunNotFoundError if a name has none."""
    from scar.aws.model import names
    from scar.runs import lookup
    from scar.runs.batch_job import correct_run_state

    if not selection.names:
        functions = _without_failure_handler(session, selection.functions)
        if functions is not None:
            yield from list_runs(session, connection, functions, selection.since, selection.states)
        return
    for name in selection.names:
        if source := lookup.parse_object(name):
            found = lookup.find_runs_of_input(ledger, source, selection.functions)
            if not found:
                raise lookup.RunNotFoundError(
                    f"No run has read {name}.", remedy="See `scar status`."
                )
            run = found[-1]
        else:
            run = lookup.find_run(ledger, name, selection.functions)
            if run.path.function == names.FAILURE_HANDLER:
                raise UsageError(f"{run.path} is not a run.", remedy=_NO_RUNS)
        yield correct_run_state(ledger, connection.client("batch"), run)


def list_runs(
    session: Session,
    connection: AwsConnection,
    functions: tuple[str, ...],
    since: datetime | None,
    states: Collection[RunState],
) -> tuple[Run, ...]:
    """Return all runs of these functions in these states, newest first."""
    scope = StatusScope(functions=functions, since=since, states=states, most=_ALL)
    return read_status(session, connection, scope).recent
