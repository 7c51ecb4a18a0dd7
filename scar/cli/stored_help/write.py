"""Write the stored help and the stored options: ``python -m scar.cli.stored_help.write``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.command_group import LazyCommandGroup, cli
from scar.cli.stored_help import NARROW, OPTIONS, WIDE, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def format_help(columns: int) -> str:
    """Return the help of scar as click formats it for a terminal of this width."""
    settings = cli.context_settings
    with click.Context(cli, info_name="scar", terminal_width=columns - 2, **settings) as context:
        return f"{cli.get_help(context)}\n"


def walk_commands(
    group: LazyCommandGroup = cli, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all commands, also those of groups, each with its words after ``scar``."""
    context = click.Context(group)
    for name in group.commands_help:
        if command := group.get_command(context, name):
            yield (*words, name), command
            if isinstance(command, LazyCommandGroup):
                yield from walk_commands(command, (*words, name))


def format_options() -> str:
    """Return the options of all commands that click completes."""
    lines = []
    for words, command in walk_commands():
        lines.append(" ".join(words))
        for option in (*command.params, _help_option()):
            if isinstance(option, click.Option) and not option.hidden:
                names = " ".join((*option.opts, *option.secondary_opts))
                lines.append(f"{names}\t{option.help or '_'}")
    return "".join(f"{line}\n" for line in lines)


def _help_option() -> click.Option | None:
    # Of a new command: click keeps the option of others as their first context made it.
    command = click.Command("any")
    names = cli.context_settings["help_option_names"]
    return command.get_help_option(click.Context(command, help_option_names=names))


def write_help() -> None:
    """Write a file for each width, and the options."""
    Path(OPTIONS).write_text(format_options(), encoding="utf-8")
    for columns in (NARROW, WIDE):
        Path(path_of(columns)).write_text(format_help(columns), encoding="utf-8")


if __name__ == "__main__":
    write_help()
