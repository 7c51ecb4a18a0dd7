"""Show an image as a table or as JSON, and write it to a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.cli.formatting import escape_control_characters, format_count, format_size
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.cli.session import Session
    from scar.image.compose.inspection import ImageSummary
    from scar.image.formats.composed_image import ComposedImage

_HISTORY_WIDTH = 60  # characters of the instruction that created a layer


def show_image(session: Session, image: ImageSummary, digest: str = "") -> None:
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
    workdir = function.image.workdir
    if function.script and workdir.strip("/."):  # else it starts in the run's own folder
        script += f", which starts in {workdir}"
    return f"{function.name} ({function.mode.value}), {script}"


def _history_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _HISTORY_WIDTH else f"{line[: _HISTORY_WIDTH - 1]}…"


def require_writable_file(output: Path) -> None:
    """Raise UsageError unless the file can be written or overwritten.

    The image is renamed to this path at the end, which would replace a link or a device.
    """
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent} is not a folder.", remedy="Create it, or correct -o.")
    if output.is_symlink() or (output.exists() and not output.is_file()):
        raise UsageError(
            f"{output} is a symbolic link, a folder or a device.",
            remedy="Specify a regular file with -o.",
        )


def save_image(session: Session, built: ComposedImage, output: Path, name: str) -> None:
    """Write the image to a file; raise UsageError if that is not possible."""
    total = sum(item.blob.size for item in built.layers)
    session.terminal.write_message(f"Writing {output} ({format_size(total)})…")
    try:
        built.save(output, name)
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written: {error.strerror or error}.",
            remedy="Choose a writable -o with enough free disk space.",
        ) from error
    known_as = f"; its name is {name}" if name else ""
    session.terminal.write_message(f"Load it with `docker load -i {output}`{known_as}.")
