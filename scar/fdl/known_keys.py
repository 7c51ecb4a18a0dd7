"""The keys that the FDL knows, read from the model. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from scar.fdl.problems import Location


def list_keys(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that the FDL knows at a location, empty if it is no place for keys."""
    for part in location:
        if isinstance(part, int):
            continue
        fields = {field_key(name, field): field for name, field in model.model_fields.items()}
        below = nested_model(fields[part].annotation) if part in fields else None
        if below is None:
            return []
        model = below
    return [field_key(name, field) for name, field in model.model_fields.items()]


def field_key(name: str, field: FieldInfo) -> str:
    """Return a field's key in FDL files: ``lambda_`` is ``lambda`` there."""
    return field.alias or name


def nested_model(annotation: object) -> type[BaseModel] | None:
    """Return the part of the FDL that a field holds, itself or in a list, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := nested_model(inner)) is not None:
            return found
    return None
