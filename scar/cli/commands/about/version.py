"""``scar version``: show the version and the licences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import scar
from scar.cli.options import output_options, pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.option(
    "--licenses", is_flag=True, help="Show the software added to function images, with licences."
)
@output_options
@target_options
@pass_session
def version(session: Session, *, licenses: bool) -> None:
    """Show scar's version.

    \b
    Examples:
      scar version
      scar version --licenses
    """
    if licenses:
        from scar.image.compose import supervisor_bundle

        notice = supervisor_bundle.read_notice(supervisor_bundle.find_any_bundle())
        if session.json:
            session.terminal.write_json({"version": scar.__version__, "licenses": notice})
        else:
            session.terminal.write_data(notice)
    elif session.json:
        session.terminal.write_json({"version": scar.__version__})
    else:
        session.terminal.write_data(f"scar {scar.__version__}")
