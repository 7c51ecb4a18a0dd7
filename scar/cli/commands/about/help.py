"""``scar help``: show the help of scar or of a command."""

from __future__ import annotations

import click

from scar.cli.options import output_options, target_options
from scar.cli.session import Session


@click.command("help")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@output_options
@target_options
@click.pass_context
def show_help(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of scar or of a command.

    `scar help put` is the same as `scar put --help`.

    \b
    Examples:
      scar help
      scar help put
      scar help image inspect
    """
    text = _find_context(context, words).get_help()
    session = context.ensure_object(Session)
    if session.json:
        session.terminal.write_json({"command": ["scar", *words], "help": text})
    else:
        session.terminal.write_data(text)


def _find_context(context: click.Context, words: tuple[str, ...]) -> click.Context:
    """Return a context of the command; raise click.UsageError if there is no such command."""
    found = context.find_root()
    for word in words:
        if not isinstance(found.command, click.Group):
            raise click.UsageError(f"{found.command_path} has no subcommands.", found)
        name, command, _ = found.command.resolve_command(found, [word])
        if command is not None:
            found = click.Context(command, parent=found, info_name=name)
    return found
