"""Select functions and runs: by name, FDL file, input file, time or state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.fdl_files import connect_names
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from scar.aws.connection import Connection
    from scar.cli.session import Session
    from scar.runs.ledger import Ledger, Run
    from scar.runs.states import State
    from scar.runs.status import Status

F = TypeVar("F", bound="Callable[..., Any]")
_LATEST = 10  # runs that are listed beside the counts
_LATEST_FAILED = 100
_ALL = 1_000_000


def since_option(function: F) -> F:
    """Add --since TIME."""
    return click.option(
        "--since",
        metavar="TIME",
        help="Only from this time on: 90m, 2h or 3d ago, or 2026-11-24T13:00 (UTC).",
    )(function)


def parse_since(text: str | None) -> datetime | None:
    """Parse the value of --since; raise UsageError if it is not a time."""
    from scar.runs.since import point_in_time

    return point_in_time(text, datetime.now(UTC)) if text else None


def connect_functions(
    session: Session, name: str | None, file: Path | None
) -> tuple[Connection, tuple[str, ...]]:
    """Connect; return the names of the functions that -n and -f select, none without them."""
    if file is None:
        return session.connect(), (name,) if name else ()
    connection, document = connect_names(session, file)
    names = tuple(entry.lambda_.name for entry in document.functions.aws)
    if name and name not in names:
        raise UsageError(
            f"{file} has no function {name}.", remedy=f"Its functions: {', '.join(names)}."
        )
    return connection, (name,) if name else names


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSelection:
    """The runs that ``names`` names, by run id or input file; without names, all in a state."""

    names: Sequence[str]
    functions: tuple[str, ...]
    since: datetime | None
    states: Collection[State]


def select_runs(
    session: Session, connection: Connection, ledger: Ledger, selection: RunSelection
) -> Iterator[Run]:
    """Yield the selected runs; raise NoSuchRun if a name has none."""
    from scar.runs import find
    from scar.runs.job import settled

    for name in selection.names:
        if name.startswith("s3://"):
            found = find.reading(ledger, *find.place_of(name), selection.functions)
            if not found:
                raise find.NoSuchRun(f"No run has read {name}.", remedy="See `scar why`.")
            run = found[-1]
        else:
            run = find.by_name(ledger, name, selection.functions)
        yield settled(ledger, connection.client("batch"), run)
    if not selection.names:
        yield from list_runs(
            session, connection, selection.functions, selection.since, selection.states
        )


def list_runs(
    session: Session,
    connection: Connection,
    functions: tuple[str, ...],
    since: datetime | None,
    states: Collection[State],
) -> tuple[Run, ...]:
    """Return all runs of these functions in these states, newest first."""
    return _read_status(session, connection, functions, since, states, most=_ALL).recent


def read_status(
    session: Session,
    connection: Connection,
    functions: tuple[str, ...],
    since: datetime | None,
    *,
    failed: bool = False,
) -> Status:
    """Count the runs of these functions, of all functions if ``functions`` is empty.

    ``failed`` lists failed and lost runs only, and more of them.
    """
    from scar.runs.status import BAD

    states, most = (BAD, _LATEST_FAILED) if failed else ((), _LATEST)
    return _read_status(session, connection, functions, since, states, most=most)


def _read_status(
    session: Session,
    connection: Connection,
    functions: tuple[str, ...],
    since: datetime | None,
    states: Collection[State],
    *,
    most: int,
) -> Status:
    """Read the unfinished jobs from Batch, then the records from S3.

    The order matters: a job that ends in between has its final record when the records are read.
    """
    from scar.runs.ledger import Ledger
    from scar.runs.logs import NoSuchFunction
    from scar.runs.status import status
    from scar.runs.waiting import unfinished

    deployed = {f.name: f for f in session.services.list_functions(connection)}
    ledger = Ledger.of(connection)
    # Functions that were removed still have records of their runs.
    known = {*deployed, *ledger.functions()}
    selected = functions or tuple(sorted(known))
    if missing := [name for name in selected if name not in known]:
        raise NoSuchFunction(missing[0])
    queues = {n: deployed[n].queue for n in selected if n in deployed and deployed[n].queue}
    jobs = unfinished(connection.client("batch"), queues.values())
    jobs_by_function = dict.fromkeys(queues, jobs)
    return status(ledger, selected, jobs_by_function, since=since, only=states, most=most)
