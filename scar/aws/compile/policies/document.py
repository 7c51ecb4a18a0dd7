"""Statements and documents of IAM policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PolicyStatement = dict[str, object]


def canonical_json(document: object) -> str:
    """Return the document as JSON text; equal documents give equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def policy_document(statements: Iterable[Mapping[str, object]]) -> str:
    """Return a policy with these statements as JSON text."""
    return canonical_json({"Version": "2012-10-17", "Statement": list(statements)})


def allow_statement(*actions: str, **parts: object) -> PolicyStatement:
    """Return a statement that allows the actions; ``parts`` are its other fields."""
    action = actions[0] if len(actions) == 1 else sorted(actions)
    return {"Effect": "Allow", "Action": action, **parts}
