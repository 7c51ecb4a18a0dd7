"""``scar local``: start, stop and inspect the local cloud of this machine.

``start``, ``stop``, ``status``, ``reset`` and ``env`` are the subcommands, one module each. They
call ``session.services.local_cloud()`` and import nothing of ``scar.local`` themselves. The group
imports a subcommand's module when it is called. A new subcommand is a new module here and a line
in the table below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.command_group import LazyCommandGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "start": "Start the local cloud.",
    "stop": "Stop the local cloud and keep its data.",
    "status": "Show the state of the local cloud.",
    "reset": "Stop the local cloud and delete its data.",
    "env": "Print environment variables for the AWS CLI and SDKs.",
}


@click.group(cls=LazyCommandGroup, package=__name__, commands_help=COMMANDS)
def local() -> None:
    """Start, stop and inspect the local cloud.

    The local cloud provides the AWS APIs that scar uses, on this machine, without an account.
    Use it with `scar --local`.
    """
