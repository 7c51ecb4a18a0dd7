"""How statements and documents are written. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PolicyStatement = dict[str, object]


def canonical_json(document: object) -> str:
    """Write a document so that equal documents are equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def policy_document(statements: Iterable[Mapping[str, object]]) -> str:
    return canonical_json({"Version": "2012-10-17", "Statement": list(statements)})


def allow_statement(*actions: str, **parts: object) -> PolicyStatement:
    """Allow the actions; ``parts`` are the statement's other fields."""
    said = actions[0] if len(actions) == 1 else sorted(actions)
    return {"Effect": "Allow", "Action": said, **parts}
