"""``scar retry`` and ``scar cancel``: start runs again, end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from scar.cli.asking import connect, moment, since_option
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.render import count
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.retry import NotRetryableError
    from scar.runs.states import RunState

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
    from scar.runs.ledger import RunLedger
    from scar.runs.retry import RETRYABLE_STATES

    if bool(what) == failed:
        raise click.UsageError("Give runs or files, or --failed.")
    connection, names = connect(session, name, file)
    ledger = RunLedger.connect(connection)
    wanted = Wanted(what=what, names=names, since=moment(since), states=RETRYABLE_STATES)
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
    session: Session, connection: AwsConnection, ledger: RunLedger, chosen: Iterator[Run]
) -> tuple[list[tuple[Run, str]], list[NotRetryableError]]:
    """Start these runs again; return them with their requests, and what was refused."""
    from scar.runs.retry import NotRetryableError, RetriedRun, retry_run
    from scar.transfer.pool import map_unordered

    def start(run: Run) -> RetriedRun | NotRetryableError:
        try:
            return retry_run(
                ledger, run, lambda f, event: session.world.enqueue(connection, f, event)
            )
        except NotRetryableError as refusal:
            return refusal

    sent, refused = [], []
    for done in map_unordered(chosen, start, workers=PARALLEL):
        if isinstance(done, NotRetryableError):
            refused.append(done)
            continue
        sent.append((done.run, done.request_id))
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
    from scar.runs.cancel import NotCancellableError
    from scar.runs.cancel import cancel_run as end
    from scar.runs.ledger import RunLedger
    from scar.runs.states import RunState

    if bool(what) == bool(name or file):
        raise click.UsageError("Give runs or files, or -n or -f.")
    connection, names = connect(session, name, file)
    ledger, ended = RunLedger.connect(connection), []
    wanted = Wanted(what=what, names=names, since=None, states=(RunState.QUEUED, RunState.RUNNING))
    for run in _chosen(session, connection, ledger, wanted):
        try:
            job = "" if dry_run else end(ledger, connection.client("batch"), run)
        except NotCancellableError:
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
    states: Collection[RunState]


def _chosen(
    session: Session, connection: AwsConnection, ledger: RunLedger, wanted: Wanted
) -> Iterator[Run]:
    from scar.cli.status import look_at
    from scar.runs import lookup as find
    from scar.runs.batch_job import correct_run_state

    for one in wanted.what:
        if one.startswith("s3://"):
            found = find.find_runs_of_input(ledger, *find.parse_s3_url(one), wanted.names)
            if not found:
                raise find.RunNotFoundError(f"No run read {one}.", remedy="See `scar why`.")
            run = found[-1]
        else:
            run = find.find_run(ledger, one, wanted.names)
        yield correct_run_state(ledger, connection.client("batch"), run)
    if not wanted.what:
        yield from look_at(session, connection, wanted.names, wanted.since, wanted.states)


def _tell(session: Session, runs: Sequence[tuple[Run, str]], verb: str) -> None:
    if session.json:
        session.terminal.json([{"run": str(run.path), "id": number} for run, number in runs])
    else:
        for run, number in runs:
            session.terminal.data(f"{run.path}  {number}".rstrip())
    session.terminal.say(f"{verb} {count(len(runs), 'run')}.")
