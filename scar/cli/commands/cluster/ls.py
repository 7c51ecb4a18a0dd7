"""``scar cluster ls``: list the clusters of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import function_option, output_options, pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session
    from scar.cluster.control import ClusterSummary


@click.command()
@function_option(required=True)
@output_options
@target_options
@pass_session
def ls(session: Session, /, *, name: str) -> None:
    """List the clusters of a function that were not stopped, and those with unfinished jobs.

    SCHEDULER is the state of its job, or `process` for a scheduler in a program. What a killed
    program leaves is a cluster without workers: `scar cluster stop` deletes it.

    \b
    Examples:
      scar cluster ls -n grid
      scar cluster ls -n grid -j
    """
    from scar.cluster.control import summarize_clusters

    found = summarize_clusters(session.connect(), name)
    if session.json:
        session.terminal.write_json(list(found))
        return
    session.terminal.write_table(
        ("CLUSTER", "SCHEDULER", "ADDRESS", "WORKERS"),
        [(c.name, c.scheduler or "-", c.address or "-", _format_workers(c)) for c in found],
    )
    for reason in sorted({reason for c in found for reason in c.reasons}):
        session.terminal.write_message(reason)


def _format_workers(summary: ClusterSummary) -> str:
    counts = sorted(summary.workers.items())
    return ", ".join(f"{number} {status}" for status, number in counts) or "0"
