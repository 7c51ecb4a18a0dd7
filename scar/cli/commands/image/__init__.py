"""``scar image``: inspect images, and build function images into files.

``inspect`` and ``compose`` are the subcommands, one module each; both show an image with
``image_output``. The group imports a subcommand's module when it is called. A new subcommand is a
new module here and a line in the table below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.command_group import LazyCommandGroup
from scar.cli.options import target_options

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "inspect": "Show an image's configuration, layers and function.",
    "compose": "Build the image of a function without deploying it.",
}


@click.group(cls=LazyCommandGroup, package=__name__, commands_help=COMMANDS)
@target_options
def image() -> None:
    """Inspect images; build function images into files."""
