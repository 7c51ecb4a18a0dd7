"""``scar cluster``: start, scale, list and stop clusters of dask in AWS Batch.

``start``, ``scale``, ``ls`` and ``stop`` are the subcommands, one module each; their work is in
``scar.cluster.control``. ``cluster_options`` has the options that they share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.command_group import LazyCommandGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "start": "Start a cluster: a scheduler and workers, each a job.",
    "scale": "Change the number of workers of a cluster.",
    "ls": "List the clusters of a function.",
    "stop": "End all jobs of a cluster.",
}


@click.group(cls=LazyCommandGroup, package=__name__, commands_help=COMMANDS)
def cluster() -> None:
    """Start, scale, list and stop clusters of dask in AWS Batch.

    The scheduler and the workers are jobs of a function with batch.cluster: true. Python programs
    use `from scar.cluster import BatchCluster` instead.
    """
