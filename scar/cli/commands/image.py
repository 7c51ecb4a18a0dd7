"""``scar image``: look at images, and keep composed ones as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.commands.init import function_options
from scar.cli.fdl_files import connect_document, resolve_document
from scar.cli.function_flags import Flags
from scar.cli.image_output import show
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.output import size
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.aws.function import Function
    from scar.cli.session import Session
    from scar.fdl.model import Document
    from scar.image.compose import ComposedImage

_FILE = click.Path(path_type=Path)


@click.group()
@target_options
def image() -> None:
    """Look at images; compose those of functions into files."""


@image.command()
@click.argument("name", required=False, default="", metavar="[IMAGE]")
@click.option("-if", "--image-file", type=_FILE, help="The image as a file.")
@click.option(
    "-a",
    "--architecture",
    type=click.Choice(["x86_64", "arm64"]),
    default="x86_64",
    show_default=True,
    help="Which of an image's variants.",
)
@output_options
@target_options
@pass_session
def inspect(session: Session, name: str, image_file: Path | None, architecture: str) -> None:
    """Show what an image holds: how it is run, its layers, and its function if scar made it.

    IMAGE is looked for as `scar init` does: on this machine, then in its registry. Layers are
    not downloaded for it.
    """
    if not name and image_file is None:
        raise click.UsageError("Give an image or -if FILE.")
    from scar.image.inspect import inspect as look_into
    from scar.image.source import open_source

    world = session.world
    with world.image_stores(session.connect) as places:
        base = open_source(
            name, image_file, architecture=architecture, cache=world.image_cache(), stores=places
        )
        show(session, look_into(base))


@image.command()
@fdl_option
@function_options
@click.option("--function", "chosen", metavar="NAME", help="Which function of the file.")
@click.option("-o", "--output", type=_FILE, metavar="FILE.tar", help="Keep the image here.")
@click.option("--tag", metavar="NAME:TAG", help="What the image is called in the file.")
@click.option("-j", "--json", "as_json", is_flag=True, help="Show it as JSON.")
@target_options
@pass_session
def compose(
    session: Session,
    /,
    file: Path | None,
    *,
    chosen: str | None,
    output: Path | None,
    tag: str | None,
    as_json: bool,
    **flags: object,
) -> None:
    """Compose a function's image as init does, without deploying anything.

    The digest is that of the image which `scar init` would push. With --output it is written
    to a file that `docker load` and OCI tools read.
    """
    session.json = session.json or as_json
    keep = not flags.pop("dry_run") and output
    del flags["yes"]
    given = Flags(**flags)  # type: ignore[arg-type]
    _function(resolve_document(session, file, given).document, chosen)
    if keep:
        _require_place(keep)
    from scar.aws.composed import composed
    from scar.image.inspect import inspect as look_into
    from scar.image.model import BaseImage
    from scar.image.reference import parse

    if tag:
        parse(tag)
    connection, document = connect_document(session, file, given)
    function = _function(document, chosen)
    called = tag or f"{function.repository}:latest"
    with session.world.function_images(connection, session.terminal.say) as images:
        made = composed(function, connection, images)
        if keep:
            _keep(session, made, keep, called)
        with made.config.open() as config:
            base = BaseImage(name=called, config=config.read(), layers=made.layers)
        show(session, look_into(base), digest=made.digest)


def _function(document: Document, chosen: str | None) -> Function:
    from scar.aws.described import functions_of

    functions = {function.name: function for function in functions_of(document)}
    if chosen is None and len(functions) == 1:
        return next(iter(functions.values()))
    if chosen is None:
        raise click.UsageError(f"Give --function: one of {', '.join(functions)}.")
    if chosen not in functions:
        raise click.UsageError(f"There is no {chosen}, only {', '.join(functions)}.")
    return functions[chosen]


def _require_place(output: Path) -> None:
    """Raise UsageError unless a file can be put there; what is renamed over is gone."""
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent} is no folder.", remedy="Make it, or correct --output.")
    if output.is_symlink() or (output.exists() and not output.is_file()):
        raise UsageError(
            f"{output} is a link, a folder or a device.", remedy="Give --output a file's name."
        )


def _keep(session: Session, made: ComposedImage, output: Path, called: str) -> None:
    total = sum(item.blob.size for item in made.layers)
    session.terminal.say(f"Writing {output} ({size(total)})…")
    try:
        made.save(output, called)
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written: {error.strerror or error}.",
            remedy="Give --output a place with enough room that you may write to.",
        ) from error
    session.terminal.say(f"Load it with `docker load -i {output}`; it is called {called}.")
