"""``scar cluster start``: start a scheduler and workers, and print how to connect."""

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
@cluster_option("Name of the new cluster; default: a random one.", required=False)
@click.option(
    "-k",
    "--workers",
    type=click.IntRange(0, 10_000),
    default=1,
    show_default=True,
    help="Number of workers.",
)
@click.option("--vcpus", type=click.FloatRange(min=0, min_open=True), help="vCPUs of each worker.")
@click.option("--memory", type=click.IntRange(4), help="Memory of each worker in MiB.")
@click.option(
    "--idle-timeout",
    type=click.IntRange(0),
    default=3600,
    show_default=True,
    help="Seconds without work after which the cluster ends; 0: never.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=900,
    show_default=True,
    help="Seconds to wait for the scheduler.",
)
@output_options
@target_options
@pass_session
def start(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    *,
    name: str,
    cluster: str,
    workers: int,
    vcpus: float | None,
    memory: int | None,
    idle_timeout: int,
    timeout: float,
) -> None:
    """Start a cluster: a scheduler and workers, each a job.

    Waits for the scheduler and prints how to connect to it: this machine must reach its address,
    so be in the same VPC or have a VPN to it. Workers join when their jobs start.

    \b
    Examples:
      scar cluster start -n grid -k 10
      scar cluster start -n grid -c night -k 200 --idle-timeout 600
    """
    from scar.cluster import client_files
    from scar.cluster.control import ClusterSettings, open_cluster, start_cluster
    from scar.cluster.scheduler_wait import wait_for_scheduler

    connection = session.connect()
    opened = open_cluster(connection, name, cluster)
    settings = ClusterSettings(
        workers=workers, vcpus=vcpus, memory=memory, idle_timeout=idle_timeout
    )
    terminal = session.terminal
    scheduler, spec = start_cluster(opened, settings, terminal.show_progress)
    terminal.write_message(
        f"Cluster {opened.name} of {name}: a scheduler and {format_count(workers, 'worker')}"
        f" submitted. `scar cluster stop -n {name} -c {opened.name}` ends it."
    )
    address = wait_for_scheduler(
        opened.stage, opened.jobs, scheduler, timeout, terminal.show_progress
    )
    folder = client_files.client_folder(session.services.environment, opened.jobs.path)
    files = client_files.write_client_files(folder, spec)
    if session.json:
        terminal.write_json(
            {
                "function": name,
                "cluster": opened.name,
                "address": address,
                **{key: str(path) for key, path in files.items()},
            }
        )
        return
    terminal.write_data(client_files.connection_code(address, files))
