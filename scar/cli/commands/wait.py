"""``scar wait``: until runs are over; the exit code tells how they ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.output import count
from scar.cli.run_selection import connect
from scar.errors import ScarError, StillWaiting

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.connection import Connection
    from scar.cli.session import Session
    from scar.runs.progress import Progress

FIRST, SLOWEST = 1.0, 10.0  # seconds between looks


@click.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("-n", "--name", help="All files in the input folder of this function.")
@fdl_option
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=3600, show_default=True, help="Seconds."
)
@output_options
@target_options
@pass_session
def wait(
    session: Session, runs: tuple[str, ...], name: str | None, file: Path | None, timeout: float
) -> None:
    """Wait until runs are over.

    Of functions: until every file in their input folders has a run that is over. Exit status
    0: all are done; 1: some failed, are lost, or never began; 6: it took too long.
    """
    if bool(runs) == bool(name or file):
        raise click.UsageError("Give runs, or -n or -f.")
    connection, names = connect(session, name, file)
    until, pause = time.monotonic() + timeout, FIRST
    while True:
        found = _look(session, connection, runs, names)
        session.terminal.progress(found.sentence)
        if found.over:
            break
        if time.monotonic() + pause > until:
            session.terminal.end_progress()
            raise StillWaiting(
                f"Not over after {timeout:g} s: {found.sentence}",
                remedy="`scar status` shows where they are; wait longer with --timeout.",
            )
        time.sleep(pause)
        pause = min(SLOWEST, pause * 1.3)
    if session.json:
        session.terminal.json(found.row)
    session.terminal.say(found.sentence)
    if found.bad:
        raise ScarError(
            f"{count(found.bad, 'run')} did not succeed.",
            remedy="`scar status --failed` names them, `scar why RUN` tells why.",
        )


def _look(
    session: Session, connection: Connection, runs: tuple[str, ...], names: tuple[str, ...]
) -> Progress:
    from scar.runs import find
    from scar.runs.ledger import Ledger
    from scar.runs.progress import of_inputs, of_runs
    from scar.runs.waiting import unfinished

    ledger = Ledger.of(connection)
    deployed = session.world.functions(connection)
    queues = [f.queue for f in deployed if f.queue]
    jobs = unfinished(connection.client("batch"), queues) if queues else None
    if runs:
        named = [find.by_name(ledger, run) for run in runs]
        return of_runs(named, jobs, ledger.now)
    folders = {f.name: f.inputs for f in deployed if f.name in names}
    missing = [name for name in names if name not in folders]
    if missing:
        from scar.runs.logs import NoSuchFunction

        raise NoSuchFunction(missing[0])
    return of_inputs(
        ledger,
        {
            name: [one for folder in inputs for one in session.world.inputs(connection, folder)]
            for name, inputs in folders.items()
        },
        jobs,
    )
