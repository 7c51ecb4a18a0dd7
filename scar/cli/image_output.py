"""How images are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.cli.output import count, printable, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.cli.session import Session
    from scar.image.inspect import Inspected

_WIDEST = 60  # characters of what made a layer


def show(session: Session, image: Inspected, digest: str = "") -> None:
    """Write the image as a table for people, or as JSON; ``digest`` is of its manifest."""
    if session.json:
        session.terminal.json(row(image, digest))
        return
    lines = {
        "Image": image.name,
        "Digest": digest,
        "Platform": image.platform,
        "Created": image.created,
        "Packed": f"{size(image.size)} in {count(len(image.layers), 'layer')}",
        "Entrypoint": _words(image.run.entrypoint),
        "Command": _words(image.run.command),
        "User": image.run.user or "root",
        "Folder": image.run.workdir,
        "Function": _function(image),
    }
    variables = [("Variable", f"{name}={value}") for name, value in image.run.environment.items()]
    for name, text in (*lines.items(), *sorted(variables)):
        if text:
            session.terminal.data(f"{name:<10}  {printable(text)}")
    session.terminal.data("")
    rows = [(f"{item.digest[:19]}", size(item.size), _short(item.made_by)) for item in image.layers]
    session.terminal.table(("LAYER", "SIZE", "MADE BY"), rows, right="lrl")


def row(image: Inspected, digest: str = "") -> dict[str, object]:
    """Return the image as JSON shows it."""
    from supervisor.config import dump

    return {
        "image": image.name,
        "digest": digest or None,
        "platform": image.platform,
        "created": image.created,
        "size": image.size,
        "run": image.run,
        "layers": list(image.layers),
        "function": json.loads(dump(image.function)) if image.function else None,
    }


def _words(words: Sequence[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False) if words else ""


def _function(image: Inspected) -> str:
    made = image.function
    if made is None:
        return ""
    what = f"script {made.script}" if made.script else "the image's own entrypoint"
    return f"{made.name} ({made.mode.value}), {what}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"
