"""``scar retry`` and ``scar cancel``: start runs again, end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.output import count
from scar.cli.run_selection import connect, moment, since_option
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from scar.aws.connection import Connection
    from scar.cli.session import Session
    from scar.runs.ledger import Ledger, Run
    from scar.runs.retry import CannotRetry
    from scar.runs.states import State

PARALLEL = 8


@click.command()
@click.argument("what", metavar="[RUN|s3://BUCKET/KEY]...", nargs=-1)
@click.option("--failed", is_flag=True, help="All failed and lost runs of the functions.")
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@since_option
@click.option("--dry-run", is_flag=True, help="Show which runs would be started.")
@click.option("-y", "--yes", is_flag=True, hidden=True)
@output_options
@target_options
@pass_session
def retry(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    what: tuple[str, ...],
    name: str | None,
    file: Path | None,
    since: str | None,
    *,
    failed: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Start failed and lost runs again, with the same input.

    Runs are named by their id, by the file they read, or with --failed all are meant, of the
    functions that -n or -f name. A run on a file keeps its id: what it has made already is not
    made twice. Repeated direct calls become new runs.
    """
    del yes
    from scar.runs.ledger import Ledger
    from scar.runs.retry import AGAIN

    if bool(what) == failed:
        raise click.UsageError("Give runs or files, or --failed.")
    connection, names = connect(session, name, file)
    ledger = Ledger.of(connection)
    wanted = Wanted(what=what, names=names, since=moment(since), states=AGAIN)
    chosen = _chosen(session, connection, ledger, wanted)
    if dry_run:
        _tell(session, [(run, "") for run in chosen], "Would start")
        return
    sent, refused = _send(session, connection, ledger, chosen)
    if sent or not refused or session.json:
        _tell(session, sent, "Started")
    for error in refused:
        session.terminal.say(f"{error.problem} {error.remedy}")
    if refused:
        raise ScarError(
            f"{count(len(refused), 'run')} could not be started again.", remedy="See above."
        )


def _send(
    session: Session, connection: Connection, ledger: Ledger, chosen: Iterator[Run]
) -> tuple[list[tuple[Run, str]], list[CannotRetry]]:
    """Start these runs again; return them with their requests, and what was refused."""
    from scar.runs.retry import CannotRetry, Retried, retry
    from scar.transfer.pool import each

    def start(run: Run) -> Retried | CannotRetry:
        try:
            return retry(ledger, run, lambda f, event: session.world.enqueue(connection, f, event))
        except CannotRetry as refusal:
            return refusal

    sent, refused = [], []
    for done in each(chosen, start, workers=PARALLEL):
        if isinstance(done, CannotRetry):
            refused.append(done)
            continue
        sent.append((done.run, done.request))
        session.terminal.progress(f"Started {count(len(sent), 'run')}")
    return sent, refused


@click.command()
@click.argument("what", metavar="[RUN|s3://BUCKET/KEY]...", nargs=-1)
@click.option("-n", "--name", help="All unfinished Batch jobs of this function.")
@fdl_option
@click.option("--dry-run", is_flag=True, help="Show which runs would be ended.")
@click.option("-y", "--yes", is_flag=True, hidden=True)
@output_options
@target_options
@pass_session
def cancel(
    session: Session,
    what: tuple[str, ...],
    name: str | None,
    file: Path | None,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """End runs that wait or run in Batch. Lambda's cannot be ended from outside."""
    del yes
    from scar.runs.cancel import CannotCancel
    from scar.runs.cancel import cancel as end
    from scar.runs.ledger import Ledger
    from scar.runs.states import State

    if bool(what) == bool(name or file):
        raise click.UsageError("Give runs or files, or -n or -f.")
    connection, names = connect(session, name, file)
    ledger, ended = Ledger.of(connection), []
    wanted = Wanted(what=what, names=names, since=None, states=(State.HANDED, State.RUNNING))
    for run in _chosen(session, connection, ledger, wanted):
        try:
            job = "" if dry_run else end(ledger, connection.client("batch"), run)
        except CannotCancel:
            if what:
                raise
            continue  # it ended while the others were ended
        ended.append((run, job))
    _tell(session, ended, "Would end" if dry_run else "Ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The runs and files in ``what``, or without any all runs of the functions in a state."""

    what: Sequence[str]
    names: tuple[str, ...]
    since: datetime | None
    states: Collection[State]


def _chosen(
    session: Session, connection: Connection, ledger: Ledger, wanted: Wanted
) -> Iterator[Run]:
    from scar.cli.commands.status import look_at
    from scar.runs import find
    from scar.runs.job import settled

    for one in wanted.what:
        if one.startswith("s3://"):
            found = find.reading(ledger, *find.place_of(one), wanted.names)
            if not found:
                raise find.NoSuchRun(f"No run read {one}.", remedy="See `scar why`.")
            run = found[-1]
        else:
            run = find.by_name(ledger, one, wanted.names)
        yield settled(ledger, connection.client("batch"), run)
    if not wanted.what:
        yield from look_at(session, connection, wanted.names, wanted.since, wanted.states)


def _tell(session: Session, runs: Sequence[tuple[Run, str]], verb: str) -> None:
    if session.json:
        session.terminal.json([{"run": str(run.path), "id": number} for run, number in runs])
    else:
        for run, number in runs:
            session.terminal.data(f"{run.path}  {number}".rstrip())
    session.terminal.say(f"{verb} {count(len(runs), 'run')}.")
