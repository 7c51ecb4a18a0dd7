"""A function as it is deployed, read from Lambda: for ``scar show -n``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.resources import Resource
    from scar.cli.session import Session


def show_deployed(session: Session, name: str, *, secrets: bool) -> None:
    """Show what is there of the function, each part with all its fields; raise NoSuchFunction."""
    from scar.runs.logs import FunctionNotFoundError

    connection = session.connect()
    parts = session.world.deployed_parts(connection, name)
    if not parts:
        raise FunctionNotFoundError(name)
    rows = [row for part in parts for row in _rows(part, secrets=secrets)]
    if session.json:
        session.terminal.json(
            [{"part": p, "key": k, "value": v, "from": "AWS"} for p, k, v in rows]
        )
        return
    shown = ((p, k, v if isinstance(v, str) else json.dumps(v)) for p, k, v in rows)
    session.terminal.table(("PART", "KEY", "VALUE"), shown)


def _rows(part: Resource, *, secrets: bool) -> Iterator[tuple[str, str, object]]:
    from dataclasses import fields

    from scar.fdl.effective_values import MASK

    for field in fields(part):
        value = getattr(part, field.name)
        if field.name == "environment" and isinstance(value, tuple):
            for variable, text in value:
                yield str(part.key), f"environment.{variable}", text if secrets else MASK
        elif field.name != "name":
            yield str(part.key), field.name, value
