"""``scar job cancel``: cancel jobs that wait or run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.formatting import format_count
from scar.cli.options import output_options, pass_session, target_options
from scar.errors import ScarError
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, hidden=True)
@output_options
@target_options
@pass_session
def cancel(session: Session, jobs: tuple[str, ...], *, yes: bool) -> None:
    """Cancel jobs: those that wait do not start, those that run are terminated.

    The children of an array end with it. A run of which nothing is left counts as failed or lost:
    `scar cancel` records for runs that they were cancelled.

    \b
    Examples:
      scar job cancel 3f9c2a1b
      scar job cancel 3f9c2a1b:17
    """
    del yes
    from scar.runs.jobs.ending import cancel_job
    from scar.runs.jobs.search import find_job

    batch = session.connect().client("batch")
    cancelled: list[str] = []
    problems: list[ScarError] = []
    for text in jobs:
        try:
            found = find_job(batch, text).job
            cancel_job(batch, found)
        except ScarError as error:
            if len(jobs) == 1:
                raise
            problems.append(error)
            session.terminal.write_message(join_sentences(error.problem, error.remedy))
            continue
        cancelled.append(found.id)
        if not session.json:
            session.terminal.write_data(found.id)
    if session.json:
        session.terminal.write_json({"cancelled": cancelled})
    session.terminal.write_message(f"Cancelled {format_count(len(cancelled), 'job')}.")
    if problems:
        raise ScarError(
            f"{format_count(len(problems), 'job')} could not be cancelled.", remedy="See above."
        )
