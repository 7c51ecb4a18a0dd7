"""``scar local stop``: stop the local cloud and keep its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@target_options
@pass_session
def stop(session: Session) -> None:
    """Stop the local cloud and keep its data.

    Running functions and jobs are stopped; buckets, functions and logs are kept.
    """
    stopped = session.services.local_cloud().stop()
    session.terminal.write_message("Stopped." if stopped else "The local cloud was not running.")
