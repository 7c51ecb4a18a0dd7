"""``scar image compose``: build the image of a function without deploying it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.commands.image.image_output import require_writable_file, save_image, show_image
from scar.cli.fdl_files import connect_document, enabled_functions, resolve_document
from scar.cli.function_flags import FunctionFlags
from scar.cli.function_options import function_options, name_option
from scar.cli.options import (
    fdl_option,
    missing_option,
    output_options,
    pass_session,
    target_options,
)
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from scar.aws.model.function import Function
    from scar.cli.session import Session
    from scar.fdl.model import FdlDocument


@click.command()
@fdl_option
@name_option("Name of the function: with -f one of the file, if the file has several.")
@function_options
@click.option(
    "-o",
    "--output-file",
    type=click.Path(path_type=Path),
    metavar="FILE.tar",
    help="Write the image to this file.",
)
@click.option("--tag", metavar="NAME:TAG", help="Name of the image in the file.")
@output_options
@target_options
@pass_session
def compose(
    session: Session,
    /,
    file: Path | None,
    *,
    output_file: Path | None,
    tag: str | None,
    **flags: object,
) -> None:
    """Build the image of a function without deploying it.

    The digest is that of the image which `scar init` would push. With -o, the image is written
    to a file for `docker load` and OCI tools.

    \b
    Examples:
      scar image compose -f thumbnails.yaml
      scar image compose -f thumbnails.yaml -o image.tar --tag thumbnails:1
    """
    del flags["yes"]
    if tag and not output_file:
        raise click.UsageError("--tag names the image in the file of -o: add -o FILE.tar.")
    options = FunctionFlags(**flags)  # type: ignore[arg-type]
    # Together with a file, -n selects a function; init would rename one.
    chosen = options.name if file is not None else None
    options = replace(options, name=None) if chosen else options
    # Wrong options and files are reported before a connection is made.
    _select_function(resolve_document(session, file, options).document, chosen)
    if output_file:
        require_writable_file(output_file)
    from scar.aws.images.image_builder import compose_function_image
    from scar.image.compose.inspection import inspect_image
    from scar.image.formats.base_image import BaseImage
    from scar.image.formats.reference import parse_reference

    if tag:
        parse_reference(tag)
    connection, document = connect_document(session, file, options)
    function = _select_function(document, chosen)
    name = tag or f"{function.repository}:latest"
    with session.services.open_function_images(
        connection, session.terminal.write_message
    ) as images:
        built = compose_function_image(function, connection, images)
        if output_file:
            save_image(session, built, output_file, name)
        with built.config.open() as config:
            base = BaseImage(name=name, config=config.read(), layers=built.layers)
        show_image(session, inspect_image(base), digest=built.digest)


def _select_function(document: FdlDocument, chosen: str | None) -> Function:
    """Return the function that -n names, or the only one."""
    functions = {function.name: function for function in enabled_functions(document)}
    if chosen is None and len(functions) == 1:
        return next(iter(functions.values()))
    if chosen is None:
        raise missing_option("-n NAME", hint=f"The file has {', '.join(functions)}.")
    if chosen not in functions:
        raise click.UsageError(
            f"There is no function {chosen}{suggest_name(chosen, functions) or '.'}"
            f" The file has {', '.join(functions)}."
        )
    return functions[chosen]
