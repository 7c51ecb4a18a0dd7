"""``scar schema``: the FDL as a JSON Schema, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@target_options
@pass_session
def schema(session: Session) -> None:
    """Print the JSON Schema of FDL files, for editors.

    Editors with a YAML language server use it after a first line in the FDL file:
    # yaml-language-server: $schema=fdl-schema.json
    """
    from scar.fdl.schema import schema

    session.terminal.json(schema())
