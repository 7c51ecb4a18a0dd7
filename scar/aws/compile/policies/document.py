"""How statements and documents are written. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Statement = dict[str, object]


def canonical(document: object) -> str:
    """Write a document so that equal documents are equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def document(statements: Iterable[Mapping[str, object]]) -> str:
    return canonical({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, **parts: object) -> Statement:
    """Allow the actions; ``parts`` are the statement's other fields."""
    said = actions[0] if len(actions) == 1 else sorted(actions)
    return {"Effect": "Allow", "Action": said, **parts}
