"""``scar local start``: start the local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.option(
    "--engine",
    default="",
    help="Container engine: docker, sandbox or process. Default: the best one available.",
)
@target_options
@pass_session
def start(session: Session, engine: str) -> None:
    """Start the local cloud.

    Commands with --local start it automatically.
    """
    cloud = session.services.local_cloud().ensure_started(engine)
    session.terminal.write_message(f"Running: {cloud.description}")
