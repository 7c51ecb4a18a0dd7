"""``scar why``: the story of one run, or of all runs on one file."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from scar.cli.options import output_options, pass_session, target_options
from scar.cli.render import printable
from scar.errors import ScarError

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.run_history import RunHistory


@click.command()
@click.argument("what", metavar="RUN|s3://BUCKET/KEY")
@output_options
@target_options
@pass_session
def why(session: Session, what: str) -> None:
    """Tell what became of a run or a file, and why.

    Of a run (its id, or how it begins): where it ran, why it moved or failed, what it made and
    what that started. Of a file: the run that made it, and those that read it.
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.run_history import read_history

    connection = session.connect()
    ledger = RunLedger.connect(connection)
    stories = [read_history(connection, ledger, run) for run in _runs(connection, ledger, what)]
    if session.json:
        session.terminal.json([_row(story) for story in stories])
        return
    for number, story in enumerate(stories):
        if number:
            session.terminal.data("")
        _show(session, story)


def _runs(connection: AwsConnection, ledger: RunLedger, what: str) -> list[Run]:
    from scar.runs import lookup as find

    if not what.startswith("s3://"):
        return [find.find_run(ledger, what)]
    bucket, key = find.parse_s3_url(what)
    made_by, _ = find.find_producers(connection.client("s3"), bucket, key)
    makers = [find.find_run(ledger, str(made_by))] if made_by else []
    found = [*makers, *find.find_runs_of_input(ledger, bucket, key)]
    if not found:
        raise ScarError(
            f"No run made or read {what}.",
            remedy="Files start functions when they are uploaded to an input folder: see"
            " `scar ls`. `scar run -n NAME` starts those that were there before.",
        )
    return found


def _show(session: Session, story: RunHistory) -> None:
    from scar.runs.report import build_report, format_time

    told, terminal = build_report(story), session.terminal
    terminal.data(terminal.bold(told.headline))
    for line in told.lines:
        terminal.data(
            f"  {terminal.faint(f'{format_time(line.time):<19}')}  {printable(line.text)}"
        )
    if story.log_tail:
        terminal.data("  The end of its log:")
        for text in story.log_tail:
            terminal.data(f"    {printable(text)}")
    if told.cause:
        terminal.data(f"  Why: {printable(told.cause)}")
    if told.remedy:
        terminal.data(f"  What to do: {printable(told.remedy)}")


def _row(story: RunHistory) -> dict[str, object]:
    from scar.runs.report import build_report

    told = build_report(story)
    return {
        "run": str(story.run.path),
        "state": story.run.state.value,
        "records": story.records,
        "written": story.run.record_times,
        "job": asdict(story.job) if story.job else None,
        "made_by": str(story.made_by) if story.made_by else None,
        "triggered": {
            output: [str(run.path) for run in runs] for output, runs in story.triggered_runs.items()
        },
        "log": list(story.log_tail),
        "why": told.cause,
        "remedy": told.remedy,
    }
