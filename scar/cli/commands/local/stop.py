"""``scar local stop``: stop the local cloud and keep its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import output_options, pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@output_options
@target_options
@pass_session
def stop(session: Session) -> None:
    """Stop the local cloud and keep its data.

    Running functions and jobs are stopped; buckets, functions and logs are kept.

    \b
    Examples:
      scar local stop
    """
    stopped = session.services.local_cloud().stop()
    if session.json:
        session.terminal.write_json({"stopped": stopped})
    session.terminal.write_message("Stopped." if stopped else "The local cloud was not running.")
