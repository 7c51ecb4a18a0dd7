"""Show an image as a table or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.cli.formatting import escape_control_characters, format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.cli.session import Session
    from scar.image.compose.inspection import ImageSummary

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
    return f"{function.name} ({function.mode.value}), {script}"


def _history_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _HISTORY_WIDTH else f"{line[: _HISTORY_WIDTH - 1]}…"
