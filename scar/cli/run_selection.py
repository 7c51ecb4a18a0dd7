"""Select functions and runs: by name, FDL file, input file, time or state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.fdl_files import connect_names
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.states import RunState
    from scar.runs.status import StatusReport

F = TypeVar("F", bound="Callable[..., Any]")
_LATEST = 10  # runs that are listed beside the counts
_LATEST_FAILED = 100
_ALL = 1_000_000
_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def since_option(function: F) -> F:
    """Add --since TIME."""
    return click.option(
        "--since",
        metavar="TIME",
        help="Only from this time on: 90m, 2h or 3d ago, or 2026-11-24T13:00 (UTC).",
    )(function)


def parse_since(text: str | None) -> datetime | None:
    """Parse the value of --since; raise UsageError if it is not a time."""
    return parse_time(text, datetime.now(UTC)) if text else None


def parse_time(text: str, now: datetime) -> datetime:
    """Parse a time before ``now`` (``90m``, ``2h``, ``3d``) or an ISO 8601 date or time.

    A time without an offset is UTC. Raise UsageError for anything else.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now - timedelta(seconds=int(ago[1]) * _UNIT_SECONDS[ago[2]])
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a time.",
            remedy="Write how long ago (90m, 2h, 3d) or when (2026-11-24, 2026-11-24T13:00).",
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def connect_functions(
    session: Session, name: str | None, file: Path | None
) -> tuple[AwsConnection, tuple[str, ...]]:
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
    states: Collection[RunState]


def select_runs(
    session: Session, connection: AwsConnection, ledger: RunLedger, selection: RunSelection
) -> Iterator[Run]:
    """Yield the selected runs; raise RunNotFoundError if a name has none."""
    from scar.runs import lookup
    from scar.runs.batch_job import correct_run_state

    for name in selection.names:
        if name.startswith("s3://"):
            found = lookup.find_runs_of_input(
                ledger, *lookup.parse_s3_url(name), selection.functions
            )
            if not found:
                raise lookup.RunNotFoundError(
                    f"No run has read {name}.", remedy="See `scar status`."
                )
            run = found[-1]
        else:
            run = lookup.find_run(ledger, name, selection.functions)
        yield correct_run_state(ledger, connection.client("batch"), run)
    if not selection.names:
        yield from list_runs(
            session, connection, selection.functions, selection.since, selection.states
        )


def list_runs(
    session: Session,
    connection: AwsConnection,
    functions: tuple[str, ...],
    since: datetime | None,
    states: Collection[RunState],
) -> tuple[Run, ...]:
    """Return all runs of these functions in these states, newest first."""
    return _read_status(session, connection, functions, since, states, most=_ALL).recent


def read_status(
    session: Session,
    connection: AwsConnection,
    functions: tuple[str, ...],
    since: datetime | None,
    *,
    failed: bool = False,
) -> StatusReport:
    """Count the runs of these functions, of all functions if ``functions`` is empty.

    ``failed`` lists failed and lost runs only, and more of them.
    """
    from scar.runs.states import FAILURE_STATES

    states, most = (FAILURE_STATES, _LATEST_FAILED) if failed else ((), _LATEST)
    return _read_status(session, connection, functions, since, states, most=most)


def _read_status(
    session: Session,
    connection: AwsConnection,
    functions: tuple[str, ...],
    since: datetime | None,
    states: Collection[RunState],
    *,
    most: int,
) -> StatusReport:
    """Read the unfinished jobs from Batch, then the records from S3.

    The order matters: a job that ends in between has its final record when the records are read.
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.logs import FunctionNotFoundError
    from scar.runs.status import collect_status
    from scar.runs.unfinished_jobs import list_unfinished_jobs

    deployed = {f.name: f for f in session.services.list_functions(connection)}
    ledger = RunLedger.connect(connection)
    # Functions that were removed still have records of their runs.
    known = {*deployed, *ledger.list_functions()}
    selected = functions or tuple(sorted(known))
    if missing := [name for name in selected if name not in known]:
        raise FunctionNotFoundError(missing[0])
    queues = {n: deployed[n].queue for n in selected if n in deployed and deployed[n].queue}
    jobs = list_unfinished_jobs(connection.client("batch"), queues.values())
    jobs_by_function = dict.fromkeys(queues, jobs)
    report = collect_status(
        ledger, selected, jobs_by_function, since=since, recent_states=states, limit=most
    )
    unusable = session.services.describe_unusable_queues(connection, queues.values())
    for function in report.functions:
        function.unusable = unusable.get(queues.get(function.function, ""), "")
    return report
