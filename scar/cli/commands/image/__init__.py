"""``scar image``: inspect images, make images of root file systems, and build function images.

``inspect``, ``compose`` and ``import`` are the subcommands, one module each; all show an image with
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
    "import": "Make an image of a root file system: a tar archive or a folder.",
    "compose": "Build the image of a function without deploying it.",
}
# `import` is no name that Python code can use.
ALIASES: Mapping[str, tuple[str, str]] = {"import": ("import", "import_root")}


@click.group(cls=LazyCommandGroup, package=__name__, commands_help=COMMANDS, aliases=ALIASES)
@target_options
def image() -> None:
    """Inspect images; make images of root file systems and functions."""
