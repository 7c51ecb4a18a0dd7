"""``scar schema``: print the JSON Schema of FDL files."""

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
def schema(session: Session) -> None:
    """Print the JSON Schema of FDL files, for editors.

    An editor with a YAML language server uses the schema that the first line of a file names:

    \b
      # yaml-language-server: $schema=fdl-schema.json

    \b
    Examples:
      scar schema > fdl-schema.json
    """
    from scar.fdl.schema import build_schema

    session.terminal.write_json(build_schema())
