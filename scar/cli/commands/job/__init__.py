"""``scar job``: single jobs of AWS Batch, also those that are no runs of a function.

``ls``, ``show``, ``logs`` and ``cancel`` are the subcommands, one module each; ``job_output``
writes what they show. The group imports a subcommand's module when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.command_group import LazyCommandGroup
from scar.cli.options import target_options

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "ls": "List the newest jobs.",
    "show": "Show a job: its state, attempts, resources and variables.",
    "logs": "Show the log of a job.",
    "cancel": "Cancel jobs that wait or run.",
}


@click.group(cls=LazyCommandGroup, package=__name__, commands_help=COMMANDS)
@target_options
def job() -> None:
    """List, show and cancel single jobs of AWS Batch.

    A job is a run of a function, the array of many runs, or one that another tool has submitted.
    `scar status` and `scar why` tell of runs.
    """
