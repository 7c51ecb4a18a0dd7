"""``scar job show``: show a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.commands.job.job_output import show_description
from scar.cli.options import output_options, pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.argument("job")
@output_options
@target_options
@pass_session
def show(session: Session, job: str) -> None:
    """Show a job: its state, attempts, resources and the names of its variables.

    JOB is an id, the start of an id, or a name. A child of an array is <id>:<index>, a node
    <id>#<index>.

    \b
    Examples:
      scar job show 3f9c2a1b
      scar job show 3f9c2a1b:17 -j
    """
    from scar.runs.jobs.search import find_job

    show_description(session, find_job(session.connect().client("batch"), job))
