"""``scar version``: show the version and the licences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import scar
from scar.cli.options import pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.option(
    "--licenses", is_flag=True, help="Show the software added to function images, with licences."
)
@target_options
@pass_session
def version(session: Session, *, licenses: bool) -> None:
    """Show scar's version."""
    if licenses:
        from scar.image.compose import supervisor_bundle

        session.terminal.write_data(
            supervisor_bundle.read_notice(supervisor_bundle.find_any_bundle())
        )
        return
    session.terminal.write_data(f"scar {scar.__version__}")
