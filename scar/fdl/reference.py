"""The FDL's reference, written from the model: ``docs/fdl.md`` is this module's output. Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from scar.fdl.known_keys import field_key, nested_model
from scar.fdl.model import FdlDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

INTRODUCTION = """\
# Functions Definition Language

Written by `python -m scar.fdl.reference`; `fdl-example.yaml` shows the same keys as a file.
Times are in seconds. Paths of files are relative to the FDL file. Values given on the command
line go over those of the file; a list replaces the other list. `${stage}`, `${region}` and
`${account_id}` are filled in; `configuration.md` tells from where, and where else values may stand.
"""


def build_reference() -> str:
    """Return the reference as Markdown: one table for each part of the FDL."""
    parts = "\n".join(
        "\n".join(_model_table(model, path)) for model, path in _iter_models(FdlDocument, "")
    )
    return f"{INTRODUCTION}\n{parts}"


def _iter_models(model: type[BaseModel], path: str) -> Iterator[tuple[type[BaseModel], str]]:
    yield model, path
    for name, field in model.model_fields.items():
        below = nested_model(field.annotation)
        if below is not None:
            yield from _iter_models(below, f"{path}.{field_key(name, field)}".lstrip("."))


def _model_table(model: type[BaseModel], path: str) -> Iterator[str]:
    yield f"## {f'`{path}`' if path else 'The file'}\n"
    yield f"{(model.__doc__ or '').strip()}\n"
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        yield f"| `{field_key(name, field)}` | {_format_default(field)} | {field.description} |"
    yield ""


def _format_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if nested_model(field.annotation) is not None:
        return ""
    value: Any = field.get_default()
    if isinstance(value, Enum):
        value = value.value
    if value is None or value in ("", (), {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    import sys

    sys.stdout.write(build_reference())
