"""``scar cluster scale``: change the number of workers of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.commands.cluster.cluster_options import cluster_option
from scar.cli.formatting import format_count
from scar.cli.options import function_option, output_options, pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@function_option(required=True)
@cluster_option("Name of the cluster.")
@click.option(
    "-k",
    "--workers",
    type=click.IntRange(0, 10_000),
    required=True,
    help="Number of workers afterwards.",
)
@output_options
@target_options
@pass_session
def scale(session: Session, /, *, name: str, cluster: str, workers: int) -> None:
    """Change the number of workers of a cluster.

    Workers that have not started are ended before those that run; dask repeats the tasks of a
    worker that ends. Batch lists a new job after some seconds: wait before scaling again.

    \b
    Examples:
      scar cluster scale -n grid -c night -k 50
    """
    from scar.cluster.control import open_cluster, scale_cluster

    connection = session.connect()
    opened = open_cluster(connection, name, cluster)
    added = scale_cluster(opened, workers, session.terminal.show_progress)
    session.terminal.clear_progress()
    if session.json:
        session.terminal.write_json({"cluster": cluster, "workers": workers, "added": added})
        return
    change = "submitted" if added > 0 else "ended"
    session.terminal.write_data(
        f"{format_count(abs(added), 'worker')} {change}: {workers} in cluster {cluster}."
    )
