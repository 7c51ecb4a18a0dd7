"""The example of all keys, written from the model: ``fdl-example.yaml`` is its output. Pure.

A key has its default as value, or the first of its field's ``examples``, which is marked.
"""

from __future__ import annotations

import json
import re
import textwrap
from enum import Enum
from typing import TYPE_CHECKING, Any

from scar.fdl.known_keys import field_key, nested_model
from scar.fdl.model import FdlDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

INTRODUCTION = """\
# Every key of the Functions Definition Language with its meaning and default.
# What is left out has the value shown here, except where a line says "example".
# Reference: docs/fdl.md. A complete small file: examples/earthquakes/earthquakes.yaml.
# Written by `python -m scar.fdl.example`.
"""
_WIDTH = 100
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9/][A-Za-z0-9/:._-]*")  # needs no quotes in YAML


def build_example() -> str:
    """Return the example as YAML."""
    return INTRODUCTION + "".join(f"{line}\n" for line in _model_lines(FdlDocument, 0, {}))


def _model_lines(
    model: type[BaseModel], indent: int, examples: Mapping[str, object]
) -> Iterator[str]:
    """Yield the lines of a part of the FDL; ``examples`` go over those of its own fields."""
    for name, field in model.model_fields.items():
        key, margin = field_key(name, field), " " * indent
        comment = textwrap.wrap(
            field.description or "", _WIDTH - indent - 2, break_on_hyphens=False
        )
        yield from (f"{margin}# {line}" for line in comment)
        part = nested_model(field.annotation)
        if part is None:
            yield f"{margin}{key}: {_format_field(field, examples.get(key))}"
        else:
            yield f"{margin}{key}:"
            yield from _part_lines(part, indent, field)


def _part_lines(part: type[BaseModel], indent: int, field: FieldInfo) -> Iterator[str]:
    """Yield a part: below its key, as the one item of a list, or as one named entry."""
    example = next(iter(field.examples or ()), None)
    if isinstance(example, dict):
        for name, values in example.items():
            yield f"{' ' * indent}  {name}:  # example"
            yield from _model_lines(part, indent + 4, values)
    elif isinstance(field.annotation, type):
        yield from _model_lines(part, indent + 2, {})
    else:
        values = example[0] if example else {}
        first, *rest = _model_lines(part, indent + 2, values)
        yield f"{' ' * indent}- {first.lstrip()}"
        yield from rest


def _format_field(field: FieldInfo, example: object) -> str:
    default = None if field.is_required() else _format_value(field.get_default())
    example = example or next(iter(field.examples or ()), None)
    if example is None:
        return str(default)
    is_default = f"; default {default}" if default is not None else ""
    return f"{_format_value(example)}  # example{is_default}"


def _format_value(value: Any) -> str:  # noqa: ANN401 - any value of the FDL
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value):
        return value
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format_value, value))}]"
    return json.dumps(value)


if __name__ == "__main__":
    import sys

    sys.stdout.write(build_example())
