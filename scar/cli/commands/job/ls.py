"""``scar job ls``: list the newest jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.commands.job.job_output import show_jobs
from scar.cli.options import function_option, output_options, pass_session, target_options
from scar.cli.run_selection.run_options import parse_since, since_option
from scar.runs.jobs.model import STATES

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.argument("parent", metavar="[JOB]", required=False, default="")
@function_option("Only jobs of this function.")
@click.option("-q", "--queue", default="", metavar="NAME", help="Only jobs of this job queue.")
@click.option(
    "-s",
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES, case_sensitive=False),
    help="Only jobs in this state. May be repeated.",
)
@since_option
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Number of jobs at most.",
)
@click.option("-a", "--all", "every", is_flag=True, help="Jobs of all queues, not only of scar's.")
@output_options
@target_options
@pass_session
def ls(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    *,
    parent: str,
    name: str | None,
    queue: str,
    states: tuple[str, ...],
    since: str | None,
    limit: int,
    every: bool,
) -> None:
    """List the newest jobs, newest first; with JOB, its children or nodes.

    AWS Batch lists a job for some days after its end.

    \b
    Examples:
      scar job ls
      scar job ls -n gray -s RUNNABLE -s RUNNING
      scar job ls 3f9c2a1b --limit 1000
    """
    from scar.runs.jobs.listing import JobFilter, find_queues, list_children, list_jobs
    from scar.runs.jobs.search import find_job

    if parent and (name or queue or since or every):
        raise click.UsageError("JOB cannot be used with -n, -q, --since and --all.")
    after = parse_since(since)
    batch = session.connect().client("batch")
    if parent:
        found = find_job(batch, parent).job
        if not (found.size or found.nodes):
            raise click.UsageError(f"{found.id} has no children: it is a single job.")
        show_jobs(session, list(list_children(batch, found, states))[:limit])
        return
    wanted = JobFilter(
        function=name or "", states=states, since=after.timestamp() if after else 0.0
    )
    show_jobs(session, list_jobs(batch, find_queues(batch, queue, every=every), wanted, limit))
