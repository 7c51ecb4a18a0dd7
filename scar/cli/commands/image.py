"""``scar image``: inspect images, and build function images into files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.fdl_files import connect_document, resolve_document
from scar.cli.formatting import escape_control_characters, format_count, format_size
from scar.cli.function_flags import FunctionFlags
from scar.cli.function_options import function_options
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.model.function import Function
    from scar.cli.session import Session
    from scar.fdl.model import FdlDocument
    from scar.image.compose.inspection import ImageSummary
    from scar.image.formats.composed_image import ComposedImage

_FILE = click.Path(path_type=Path)
_HISTORY_WIDTH = 60  # characters of the instruction that created a layer


@click.group()
@target_options
def image() -> None:
    """Inspect images; build function images into files."""


@image.command()
@click.argument("name", required=False, default="", metavar="[IMAGE]")
@click.option("-if", "--image-file", type=_FILE, help="Image as a file of `docker save`.")
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
    """Show an image's configuration and layers, and its function if scar built it.

    The image is searched as by `scar init`: on this machine, then in its registry. Layers are
    not downloaded.

    \b
    Examples:
      scar image inspect debian:12
      scar image inspect -if image.tar -j
    """
    if not name and image_file is None:
        raise click.UsageError("Missing argument or option: IMAGE or -if FILE.")
    from scar.image.compose.inspection import inspect_image
    from scar.image.formats.resolver import find_base_image

    services = session.services
    with services.open_image_stores(session.connect) as stores:
        base = find_base_image(
            name,
            image_file,
            architecture=architecture,
            cache=services.image_cache(),
            sources=stores,
        )
        _show_image(session, inspect_image(base))


@image.command()
@fdl_option
@function_options
@click.option("--function", "chosen", metavar="NAME", help="Function of the file.")
@click.option("-o", "--output", type=_FILE, metavar="FILE.tar", help="Write the image here.")
@click.option("--tag", metavar="NAME:TAG", help="Name of the image in the file.")
@click.option("-j", "--json", "as_json", is_flag=True, help="Show the image as JSON.")
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
    """Build a function's image as init does, without deploying the function.

    The digest is that of the image which `scar init` would push. With --output, the image is
    written to a file for `docker load` and OCI tools.

    \b
    Examples:
      scar image compose -f thumbnails.yaml
      scar image compose -f thumbnails.yaml -o image.tar --tag thumbnails:1
    """
    session.json = session.json or as_json
    output_file = None if flags.pop("dry_run") else output
    del flags["yes"]
    options = FunctionFlags(**flags)  # type: ignore[arg-type]
    # Wrong options and files are reported before a connection is made.
    _select_function(resolve_document(session, file, options).document, chosen)
    if output_file:
        _require_writable_file(output_file)
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
            _save_image(session, built, output_file, name)
        with built.config.open() as config:
            base = BaseImage(name=name, config=config.read(), layers=built.layers)
        _show_image(session, inspect_image(base), digest=built.digest)


def _select_function(document: FdlDocument, chosen: str | None) -> Function:
    """Return the function that --function names, or the only one."""
    from scar.aws.compile.from_fdl import functions_of

    functions = {function.name: function for function in functions_of(document)}
    if chosen is None and len(functions) == 1:
        return next(iter(functions.values()))
    if chosen is None:
        raise click.UsageError(f"Missing option: --function, one of {', '.join(functions)}.")
    if chosen not in functions:
        raise click.UsageError(f"There is no function {chosen}, only {', '.join(functions)}.")
    return functions[chosen]


def _require_writable_file(output: Path) -> None:
    """Raise UsageError unless the file can be written or overwritten.

    The image is renamed to this path at the end, which would replace a link or a device.
    """
    if not output.parent.is_dir():
        raise UsageError(
            f"{output.parent} is not a folder.", remedy="Create it, or correct --output."
        )
    if output.is_symlink() or (output.exists() and not output.is_file()):
        raise UsageError(
            f"{output} is a symbolic link, a folder or a device.",
            remedy="Specify a regular file with --output.",
        )


def _save_image(session: Session, built: ComposedImage, output: Path, name: str) -> None:
    total = sum(item.blob.size for item in built.layers)
    session.terminal.write_message(f"Writing {output} ({format_size(total)})…")
    try:
        built.save(output, name)
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written: {error.strerror or error}.",
            remedy="Choose a writable --output with enough free disk space.",
        ) from error
    session.terminal.write_message(f"Load it with `docker load -i {output}`; its name is {name}.")


def _show_image(session: Session, image: ImageSummary, digest: str = "") -> None:
    """Write the image as a table or as JSON; ``digest`` is that of its manifest."""
    if session.json:
        session.terminal.write_json(_image_to_json(image, digest))
        return
    terminal = session.terminal
    fields = {
        "Image": image.name,
        "Digest": digest,
        "Platform": image.platform,
        "Created": image.created,
        "Size": f"{format_size(image.size)} in {format_count(len(image.layers), 'layer')}",
        "Entrypoint": _exec_form(image.run.entrypoint),
        "Command": _exec_form(image.run.command),
        "User": image.run.user or "root",
        "Workdir": image.run.workdir,
        "Function": _function_summary(image),
    }
    variables = [("Variable", f"{name}={value}") for name, value in image.run.environment.items()]
    for name, text in (*fields.items(), *sorted(variables)):
        if text:
            terminal.write_data(f"{name:<10}  {escape_control_characters(text)}")
    terminal.write_data("")
    rows = [
        (f"{layer.digest[:19]}", format_size(layer.size), _history_line(layer.made_by))
        for layer in image.layers
    ]
    terminal.write_table(("LAYER", "SIZE", "CREATED BY"), rows, alignment="lrl")


def _image_to_json(image: ImageSummary, digest: str = "") -> dict[str, object]:
    from supervisor.config import config_to_json

    return {
        "image": image.name,
        "digest": digest or None,
        "platform": image.platform,
        "created": image.created,
        "size": image.size,
        "run": image.run,
        "layers": list(image.layers),
        "function": json.loads(config_to_json(image.function)) if image.function else None,
    }


def _exec_form(words: Sequence[str]) -> str:
    """Return the words as a Dockerfile's exec form has them; empty without words."""
    return json.dumps(list(words), ensure_ascii=False) if words else ""


def _function_summary(image: ImageSummary) -> str:
    function = image.function
    if function is None:
        return ""
    script = f"script {function.script}" if function.script else "the image's own entrypoint"
    return f"{function.name} ({function.mode.value}), {script}"


def _history_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _HISTORY_WIDTH else f"{line[: _HISTORY_WIDTH - 1]}…"
