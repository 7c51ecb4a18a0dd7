"""``scar why``: show the history of a run, or of all runs on a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from scar.cli.arrays.array_output import show_array_report, show_child_report
from scar.cli.arrays.array_selection import split_arrays
from scar.cli.formatting import escape_control_characters
from scar.cli.options import output_options, pass_session, target_options
from scar.cli.run_output import format_log_lines
from scar.cli.run_selection.gathered_events import describe_waiting_file
from scar.cli.run_selection.name_hints import explaining_names

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.history.model import RunHistory
    from scar.runs.ledger import Run, RunLedger


@click.command()
@click.argument("what", metavar="RUN|ARRAY[:INDEX]|s3://BUCKET/KEY")
@output_options
@target_options
@pass_session
def why(session: Session, what: str) -> None:
    """Show the history of a run or a file, and the cause of a failure.

    For a run (its id or the start of it): where it ran, why it continued in Batch or failed,
    its output, and the runs that its output started. For a file: the run that wrote it, and the
    runs that read it. For an array job: how far it is, and why children failed; array-ID:7 is its
    child 7.

    \b
    Examples:
      scar why 3f9c2a
      scar why s3://my-photos/incoming/a.jpg
      scar why array-0123456789ab
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.run_history import read_history

    connection = session.connect()
    ledger = RunLedger.connect(connection)
    if _shows_array(session, connection, ledger, what):
        return
    with explaining_names(session, connection, [what], "scar status -n NAME"):
        runs = _find_runs(session, connection, ledger, what)
    histories = [read_history(connection, ledger, run) for run in runs]
    if session.json:
        session.terminal.write_json([_history_to_json(history) for history in histories])
        return
    for number, history in enumerate(histories):
        if number:
            session.terminal.write_data("")
        _show_history(session, history)


def _shows_array(session: Session, connection: AwsConnection, ledger: RunLedger, what: str) -> bool:
    """Show an array, or a child without a record; return False for anything else."""
    from scar.runs.arrays.array_report import read_array_report, read_child_report

    arrays, _ = split_arrays(ledger, connection.client("batch"), [what])
    if not arrays:
        return False
    batch = connection.client("batch")
    ((array, index),) = arrays
    if index is None:
        show_array_report(session, read_array_report(ledger, batch, array))
        return True
    child = read_child_report(ledger, batch, array, index)
    if child.has_record:
        return False
    show_child_report(session, array.name, child)
    return True


def _find_runs(
    session: Session, connection: AwsConnection, ledger: RunLedger, what: str
) -> list[Run]:
    """Return the run of this id, or the runs that wrote and read this file."""
    from scar.runs import lookup

    source = lookup.parse_object(what)
    if source is None:
        return [lookup.find_run(ledger, what)]
    if source.provider != "s3":  # scar does not read other stores: who wrote it is not known
        if found := list(lookup.find_runs_of_input(ledger, source)):
            return found
        raise lookup.RunNotFoundError(
            f"No run has read {what}.",
            remedy="Its server sends an event for a new file (docs/storage.md); `scar status` shows"
            " the latest runs.",
        )
    bucket, key = source.bucket, source.key
    made_by, _ = lookup.find_producers(connection.client("s3"), bucket, key)
    writers = [lookup.find_run(ledger, str(made_by))] if made_by else []
    found = [*writers, *lookup.find_runs_of_input(ledger, source)]
    if not found:
        if waiting := describe_waiting_file(session, connection, f"{bucket}/{key}"):
            raise lookup.RunNotFoundError(
                f"No run has read or written {what} yet: {waiting}.",
                remedy="Wait; `scar status` shows how many events wait.",
            )
        raise lookup.RunNotFoundError(
            f"No run has read or written {what}.",
            remedy="A file starts a function when it is uploaded to an input folder: see"
            " `scar ls`. `scar run -n NAME` runs the function on files uploaded earlier.",
        )
    return found


def _show_history(session: Session, history: RunHistory) -> None:
    from scar.runs.report import build_report, format_time

    report, terminal = build_report(history), session.terminal
    terminal.write_data(terminal.bold(escape_control_characters(report.headline)))
    for line in report.lines:
        timestamp = terminal.faint(f"{format_time(line.time):<19}")
        terminal.write_data(f"  {timestamp}  {escape_control_characters(line.text)}")
    if history.log_tail:
        terminal.write_data("  The end of its log:")
        for text in format_log_lines(history.log_tail):
            terminal.write_data(f"    {text}")
    if report.cause:
        terminal.write_data(f"  Why: {escape_control_characters(report.cause)}")
    if report.remedy:
        terminal.write_data(f"  What to do: {escape_control_characters(report.remedy)}")


def _history_to_json(history: RunHistory) -> dict[str, object]:
    from scar.runs.report import build_report

    report = build_report(history)
    return {
        "run": str(history.run.path),
        "state": history.run.state.value,
        "unsubmitted": history.run.is_unsubmitted,
        "records": history.records,
        "written": history.run.record_times,
        "job": asdict(history.job) if history.job else None,
        "made_by": str(history.made_by) if history.made_by else None,
        "triggered": {
            output: [str(run.path) for run in runs]
            for output, runs in history.triggered_runs.items()
        },
        "repeated_as": str(history.repeated_as.path) if history.repeated_as else None,
        "log": list(history.log_tail),
        "note": report.note,
        "why": report.cause,
        "remedy": report.remedy,
    }
