"""``scar local reset``: stop the local cloud and delete its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import output_options, pass_session, target_options
from scar.cli.prompts import require_confirmation

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@output_options
@target_options
@pass_session
def reset(session: Session, *, yes: bool) -> None:
    """Stop the local cloud and delete its data.

    All buckets, functions, jobs, logs and file systems are deleted.

    \b
    Examples:
      scar local reset
      scar local reset --yes
    """
    control = session.services.local_cloud()
    if not yes:
        require_confirmation(
            f"Delete everything in {control.home.path}?",
            refusal="reset asks for confirmation, but stdin is not a terminal: add --yes.",
            declined="Nothing was deleted.",
        )
    control.reset()
    if session.json:
        session.terminal.write_json({"reset": control.home.path})
    session.terminal.write_message("The local cloud is empty.")
