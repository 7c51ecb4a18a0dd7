"""``scar image inspect``: show an image's configuration, layers and function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.commands.image.image_output import show_image
from scar.cli.options import output_options, pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.argument("name", required=False, default="", metavar="[IMAGE]")
@click.option("-if", "--image-file", type=click.Path(path_type=Path), help="Image as a file.")
@click.option(
    "-a",
    "--architecture",
    type=click.Choice(["x86_64", "arm64"]),
    default="x86_64",
    show_default=True,
    help="Architecture of a multi-platform image.",
)
@output_options
@target_options
@pass_session
def inspect(session: Session, name: str, image_file: Path | None, architecture: str) -> None:
    """Show an image's configuration, layers and function.

    The image is searched on this machine, then in its registry, as by `scar init`. Layers are
    not downloaded. Only images that scar built have a function.

    \b
    Examples:
      scar image inspect debian:12
      scar image inspect -if image.tar -j
    """
    if not name and image_file is None:
        raise click.UsageError("Missing argument or option: IMAGE or -if FILE.")
    from scar.image.compose.inspection import inspect_image
    from scar.image.formats.resolver import find_base_image
    from scar.meter import Meter

    services = session.services
    with services.open_image_stores(session.connect) as stores:
        base = find_base_image(
            name,
            image_file,
            architecture=architecture,
            cache=services.image_cache(),
            sources=stores,
            meter=Meter("Reading", show=session.terminal.show_progress),
        )
        session.terminal.clear_progress()
        show_image(session, inspect_image(base))
