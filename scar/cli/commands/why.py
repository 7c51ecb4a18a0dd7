"""``scar why``: the story of one run, or of all runs on one file."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from scar.cli.options import output_options, pass_session, target_options
from scar.cli.output import printable
from scar.errors import ScarError

if TYPE_CHECKING:
    from scar.aws.connection import Connection
    from scar.cli.session import Session
    from scar.runs.ledger import Ledger, Run
    from scar.runs.story import Story


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
    from scar.runs.ledger import Ledger
    from scar.runs.story import tell

    connection = session.connect()
    ledger = Ledger.of(connection)
    stories = [tell(connection, ledger, run) for run in _runs(connection, ledger, what)]
    if session.json:
        session.terminal.json([_row(story) for story in stories])
        return
    for number, story in enumerate(stories):
        if number:
            session.terminal.data("")
        _show(session, story)


def _runs(connection: Connection, ledger: Ledger, what: str) -> list[Run]:
    from scar.runs import find

    if not what.startswith("s3://"):
        return [find.by_name(ledger, what)]
    bucket, key = find.place_of(what)
    made_by, _ = find.making(connection.client("s3"), bucket, key)
    makers = [find.by_name(ledger, str(made_by))] if made_by else []
    found = [*makers, *find.reading(ledger, bucket, key)]
    if not found:
        raise ScarError(
            f"No run made or read {what}.",
            remedy="Files start functions when they are uploaded to an input folder: see"
            " `scar ls`. `scar run -n NAME` starts those that were there before.",
        )
    return found


def _show(session: Session, story: Story) -> None:
    from scar.runs.words import when, words

    told, terminal = words(story), session.terminal
    terminal.data(terminal.bold(told.headline))
    for line in told.lines:
        terminal.data(f"  {terminal.faint(f'{when(line.time):<19}')}  {printable(line.text)}")
    if story.tail:
        terminal.data("  The end of its log:")
        for text in story.tail:
            terminal.data(f"    {printable(text)}")
    if told.why:
        terminal.data(f"  Why: {printable(told.why)}")
    if told.remedy:
        terminal.data(f"  What to do: {printable(told.remedy)}")


def _row(story: Story) -> dict[str, object]:
    from scar.runs.words import words

    told = words(story)
    return {
        "run": str(story.run.path),
        "state": story.run.state.value,
        "records": story.records,
        "written": story.run.written,
        "job": asdict(story.job) if story.job else None,
        "made_by": str(story.made_by) if story.made_by else None,
        "triggered": {
            output: [str(run.path) for run in runs] for output, runs in story.triggered.items()
        },
        "log": list(story.tail),
        "why": told.why,
        "remedy": told.remedy,
    }
