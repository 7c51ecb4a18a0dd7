"""``scar wait``: wait until runs have ended; the exit status is their result."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from scar.cli.arrays.array_selection import split_arrays
from scar.cli.formatting import escape_control_characters, format_count
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.run_selection.gathered_events import read_waiting_events
from scar.cli.run_selection.input_folders import describe_places
from scar.cli.run_selection.name_hints import explaining_names
from scar.cli.run_selection.run_options import names_option
from scar.cli.run_selection.selected_runs import connect_functions
from scar.cli.run_selection.status_query import list_all_jobs, list_jobs_by_function
from scar.errors import ScarError, WaitTimeoutError

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.invoke import InputObject
    from scar.runs.progress import RunProgress

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0  # seconds between two requests
BACKOFF = 1.3


@click.command()
@click.argument("runs", metavar="[RUN|ARRAY[:INDEX]]...", nargs=-1)
@names_option("All files in the input folders of this function. May be repeated.")
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
    session: Session,
    runs: tuple[str, ...],
    names: tuple[str, ...],
    file: Path | None,
    timeout: float,
) -> None:
    """Wait until runs have ended.

    A direct call that `scar retry` has repeated ends with the run that repeats it, and an array job
    with its last child.

    With -n or -f, wait until every file in the functions' input folders has a run that has
    ended, and all other runs of the functions, such as direct calls, have ended too. Failures
    count if they are of the latest run on a file, of another run that ended meanwhile, of one that
    `scar retry` started in the hour before, or of the latest direct call if it began in that hour.

    \b
    Exit status:
      0  all runs succeeded
      1  runs failed, were lost or never started; for one RUN whose script failed, the script's own
         exit status instead (1 to 255)
      6  the timeout was reached

    \b
    Examples:
      scar wait -f thumbnails.yaml --timeout 600
      scar wait -n gray && scar get -b my-photos/out -p .
    """
    if bool(runs) == bool(names or file):
        raise click.UsageError("Specify either runs, or functions with -n or -f.")
    connection, names = connect_functions(session, names, file)
    try:
        with explaining_names(session, connection, runs, "scar wait -n NAME"):
            found = _wait(session, connection, (runs, names), timeout)
    except KeyboardInterrupt:
        session.terminal.write_message("")  # the terminal has written ^C on the progress line
        raise
    notes = _read_notes(connection, found)
    if session.json:
        session.terminal.write_json({**found.counts, "notes": notes})
    session.terminal.write_message(found.summary)
    for run, note in notes.items():
        session.terminal.write_message(f"Run {run}: {escape_control_characters(note)}")
    if found.earlier_failure_count > 0:
        also = "also " if found.failure_count else ""
        session.terminal.write_message(
            f"{format_count(found.earlier_failure_count, 'run')} {also}failed before this command"
            " began, or on files that were replaced since: not an error of this command."
        )
    if found.failure_count:
        error = ScarError(
            f"{format_count(found.failure_count, 'run')} did not succeed.",
            remedy="`scar status --failed` lists them, `scar why RUN` shows the cause.",
        )
        if len(runs) == 1:
            error.exit_code = _read_script_status(connection, found) or error.exit_code
        raise error


def _wait(
    session: Session,
    connection: AwsConnection,
    runs_or_names: tuple[tuple[str, ...], tuple[str, ...]],
    timeout: float,
) -> RunProgress:
    """Return the progress when everything has ended; raise WaitTimeoutError."""
    runs, names = runs_or_names
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    began: float | None = None
    while True:
        found = (
            _read_runs(session, connection, runs)
            if runs
            else _read_functions(session, connection, names, began)
        )
        began = found.began
        session.terminal.show_progress(found.progress or found.summary)
        if found.is_finished:
            return found
        if time.monotonic() + pause > deadline:
            session.terminal.clear_progress()
            raise WaitTimeoutError(
                f"Timed out after {timeout:g} s: {found.summary}",
                remedy="`scar status` shows the runs; wait longer with --timeout.",
            )
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * BACKOFF)


def _read_runs(session: Session, connection: AwsConnection, runs: tuple[str, ...]) -> RunProgress:
    """Count the runs, or those that repeat them, by state; raise RunNotFoundError."""
    from scar.runs import lookup
    from scar.runs.arrays.array_status import describe_arrays
    from scar.runs.arrays.child_runs import parent_of
    from scar.runs.arrays.continued_runs import with_continued_runs
    from scar.runs.arrays.named_children import read_named_child
    from scar.runs.batch_job import correct_run_state
    from scar.runs.history.repetitions import follow_repetitions
    from scar.runs.ledger import RunLedger
    from scar.runs.progress import count_runs
    from scar.runs.unfinished_jobs import list_unfinished_jobs

    # Before the records: see scar.cli.run_selection.status_query.
    queues = [f.queue for f in session.services.list_functions(connection) if f.queue]
    jobs = list_unfinished_jobs(connection.client("batch"), queues) if queues else None
    ledger = RunLedger.connect(connection)
    batch = connection.client("batch")
    arrays, others = split_arrays(ledger, batch, runs)
    statuses = describe_arrays(batch, [array for array, index in arrays if index is None])
    statuses = with_continued_runs(ledger, statuses, jobs)
    children = [
        read_named_child(ledger, batch, array, index)
        for array, index in arrays
        if index is not None
    ]
    listed = [*lookup.find_runs(ledger, others), *(child.run for child in children if child.run)]
    found = [follow_repetitions(ledger, run) for run in listed]
    # The lists of jobs do not have the children of arrays.
    found = [correct_run_state(ledger, batch, run) if parent_of(run) else run for run in found]
    unrecorded = [child.state for child in children if child.run is None]
    return count_runs(found, jobs, ledger.now, statuses, unrecorded)


def _read_functions(
    session: Session, connection: AwsConnection, names: tuple[str, ...], began: float | None
) -> RunProgress:
    """Count the functions' runs and input files; raise FunctionNotFoundError."""
    from scar.runs.arrays.array_reader import read_arrays
    from scar.runs.ledger import RunLedger
    from scar.runs.progress import count_inputs, count_new_files

    deployed = {f.name: f for f in session.services.list_functions(connection)}
    missing = [name for name in names if name not in deployed]
    if missing:
        from scar.runs.logs import FunctionNotFoundError

        session.services.raise_if_made_by_scar4(connection, missing[0])
        raise FunctionNotFoundError(missing[0], deployed)
    functions = [deployed[name] for name in names]
    others = [one for function in functions for one in function.other_inputs]
    if others and began is None:
        session.terminal.write_message(
            f"{describe_places(others)} not listed: only runs that have begun are waited for."
        )
    events = read_waiting_events(session, connection, functions)
    jobs = list_jobs_by_function(connection, functions)
    files = {f.name: _list_files(session, connection, f) for f in functions}
    ledger = RunLedger.connect(connection)
    found = count_inputs(
        ledger,
        files,
        jobs,
        list_jobs=lambda: list_all_jobs(connection),
        began=began,
        events=events,
        arrays=read_arrays(ledger, connection.client("batch"), names),
    )
    if not found.is_finished:
        return found
    # Runs may have ended after the folders were listed: their outputs are inputs of others here.
    now = {f.name: _list_files(session, connection, f) for f in functions}
    return replace(found, waiting=count_new_files(files, now))


def _list_files(
    session: Session, connection: AwsConnection, function: FunctionSummary
) -> list[InputObject]:
    """Return the files in a function's input folders."""
    list_objects = session.services.list_input_objects
    return [one for folder in function.inputs for one in list_objects(connection, folder)]


def _read_script_status(connection: AwsConnection, found: RunProgress) -> int:
    """Return the exit status of the only run's script; 0 if something else failed."""
    from scar.runs.ledger import RunLedger
    from supervisor.runs import record_format

    ledger = RunLedger.connect(connection)
    records = [ledger.read_record(run.path, record_format.ERROR) for run in found.recent[:1]]
    status = (records[0] or {}).get("status") if records else None
    return status if isinstance(status, int) and 0 < status < 256 else 0


def _read_notes(connection: AwsConnection, found: RunProgress) -> dict[str, str]:
    """Return what the latest runs have not uploaded, or why they failed, by run."""
    from scar.runs.ledger import RunLedger
    from scar.runs.run_details import RunDetailReader

    details = RunDetailReader(RunLedger.connect(connection)).read(found.recent, found.began)
    return {str(d.run.path): f"{d.run.state.value}, {d.note}" for d in details if d.note}
