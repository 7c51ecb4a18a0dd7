"""Texts in an FDL file that are to be read as they are: ``${…}`` in them names no variable."""

from __future__ import annotations

import re
from typing import Any

_VARIABLE = re.compile(r"\$\{[^}]*\}")


class Reference(str):
    """A text that is a reference to a secret (``${env:NAME}``) and stays one."""

    __slots__ = ()


def escape_texts(value: object) -> Any:  # noqa: ANN401 - any YAML
    """Return a copy of a YAML value in which ``scar.fdl.variables`` substitutes nothing.

    Keys are not substituted. What is shared in the value, or contains itself, is so in the copy.
    """
    return _escape(value, {})


def _escape(value: object, copies: dict[int, Any]) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: f"${match.group()}", value)
    if id(value) in copies:
        return copies[id(value)]
    if isinstance(value, dict):
        mapping: dict[Any, Any] = {}
        copies[id(value)] = mapping
        mapping.update((key, _escape(item, copies)) for key, item in value.items())
        return mapping
    if isinstance(value, list):
        items: list[Any] = []
        copies[id(value)] = items
        items.extend(_escape(item, copies) for item in value)
        return items
    return value
