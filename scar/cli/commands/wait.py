"""``scar wait``: wait until runs have ended; the exit status is their result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from scar.cli.formatting import format_count
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.run_selection import connect_functions
from scar.errors import ScarError, WaitTimeoutError

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.progress import RunProgress

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0  # seconds between two requests
BACKOFF = 1.3


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("-n", "--name", help="All files in the input folders of this function.")
@fdl_option
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=3600,
    show_default=True,
    help="Seconds to wait.",
)
@output_options
@target_options
@pass_session
def wait(
    session: Session, runs: tuple[str, ...], name: str | None, file: Path | None, timeout: float
) -> None:
    """Wait until runs have ended.

    With -n or -f, wait until every file in the functions' input folders has a run that has
    ended.

    \b
    Exit status:
      0  all runs succeeded
      1  runs failed, were lost or never started
      6  the timeout was reached

    \b
    Examples:
      scar wait -f thumbnails.yaml --timeout 600
      scar wait -n gray && scar get -b my-photos/out -p .
    """
    if bool(runs) == bool(name or file):
        raise click.UsageError("Specify either runs, or functions with -n or -f.")
    connection, names = connect_functions(session, name, file)
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    while True:
        found = _read_progress(session, connection, runs, names)
        session.terminal.show_progress(found.summary)
        if found.is_finished:
            break
        if time.monotonic() + pause > deadline:
            session.terminal.clear_progress()
            raise WaitTimeoutError(
                f"Timed out after {timeout:g} s: {found.summary}",
                remedy="`scar status` shows the runs; wait longer with --timeout.",
            )
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * BACKOFF)
    if session.json:
        session.terminal.write_json(found.counts)
    session.terminal.write_message(found.summary)
    if found.failure_count:
        raise ScarError(
            f"{format_count(found.failure_count, 'run')} did not succeed.",
            remedy="`scar status --failed` lists them, `scar why RUN` shows the cause.",
        )


def _read_progress(
    session: Session, connection: AwsConnection, runs: tuple[str, ...], functions: tuple[str, ...]
) -> RunProgress:
    """Count the runs, or the functions' input files, by state; raise FunctionNotFoundError."""
    from scar.runs import lookup
    from scar.runs.ledger import RunLedger
    from scar.runs.progress import count_inputs, count_runs
    from scar.runs.unfinished_jobs import list_unfinished_jobs

    ledger = RunLedger.connect(connection)
    deployed = session.services.list_functions(connection)
    # Before the records: see scar.cli.run_selection.
    queues = [f.queue for f in deployed if f.queue]
    jobs = list_unfinished_jobs(connection.client("batch"), queues) if queues else None
    if runs:
        found = lookup.find_runs(ledger, runs)
        return count_runs(found, jobs, ledger.now)
    folders = {f.name: f.inputs for f in deployed if f.name in functions}
    missing = [name for name in functions if name not in folders]
    if missing:
        from scar.runs.logs import FunctionNotFoundError

        raise FunctionNotFoundError(missing[0], (f.name for f in deployed))
    list_objects = session.services.list_input_objects
    return count_inputs(
        ledger,
        {
            name: [one for folder in inputs for one in list_objects(connection, folder)]
            for name, inputs in folders.items()
        },
        jobs,
    )
