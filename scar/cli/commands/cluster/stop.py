"""``scar cluster stop``: end all jobs of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.commands.cluster.cluster_options import cluster_option
from scar.cli.formatting import format_count
from scar.cli.options import (
    function_option,
    output_options,
    pass_session,
    require_one_of,
    target_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session


@click.command()
@function_option(required=True)
@cluster_option("Name of the cluster.", required=False)
@click.option("-a", "--all", "everything", is_flag=True, help="All clusters of the function.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    help="Seconds to wait until the jobs have ended.",
)
@output_options
@target_options
@pass_session
def stop(session: Session, /, *, name: str, cluster: str, everything: bool, timeout: float) -> None:
    """End all jobs of a cluster, and delete its certificate here and in the state bucket.

    A program that uses BatchCluster ends its jobs itself; if it still runs, its adapt() submits
    new ones, which end at once.

    \b
    Examples:
      scar cluster stop -n grid -c night
      scar cluster stop -n grid --all
    """
    from scar.cluster import client_files
    from scar.cluster.control import open_cluster, stop_cluster

    require_one_of({"-c NAME": cluster, "-a": everything})
    connection = session.connect()
    terminal = session.terminal
    stopped: dict[str, int] = {}
    for each in [cluster] if cluster else _list_names(connection, name):
        opened = open_cluster(connection, name, each)
        stopped[each] = stop_cluster(opened, timeout=timeout, report=terminal.show_progress)
        client_files.remove_client_files(
            client_files.client_folder(session.services.environment, opened.jobs.path)
        )
        terminal.clear_progress()
        if not session.json:
            ended = format_count(stopped[each], "job")
            terminal.write_data(f"Cluster {each} stopped: {ended} ended.")
    if session.json:
        terminal.write_json(stopped)


def _list_names(connection: AwsConnection, function: str) -> Iterable[str]:
    from scar.cluster.control import summarize_clusters

    return [summary.name for summary in summarize_clusters(connection, function)]
