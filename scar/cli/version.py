"""``scar version``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import scar
from scar.cli.options import pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@target_options
@pass_session
def version(session: Session) -> None:
    """Show scar's version."""
    session.terminal.data(f"scar {scar.__version__}")
