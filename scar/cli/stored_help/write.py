"""Write the stored help: ``python -m scar.cli.stored_help.write``."""

from __future__ import annotations

from pathlib import Path

import click

from scar.cli.command_group import cli
from scar.cli.stored_help import NARROW, WIDE, path_of


def format_help(columns: int) -> str:
    """Return the help of scar as click formats it for a terminal of this width."""
    settings = cli.context_settings
    with click.Context(cli, info_name="scar", terminal_width=columns - 2, **settings) as context:
        return f"{cli.get_help(context)}\n"


def write_help() -> None:
    """Write a file for each width."""
    for columns in (NARROW, WIDE):
        Path(path_of(columns)).write_text(format_help(columns), encoding="utf-8")


if __name__ == "__main__":
    write_help()
