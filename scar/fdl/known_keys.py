"""The keys of the FDL, read from the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from scar.fdl.problems import Location


def list_keys(model: type[BaseModel], location: Location) -> list[str]:
    """Return the FDL's keys at a location; empty if the value there is not a section."""
    is_name = False
    for part in location:
        # The items of a list have the model of the list's field, and so have named sections.
        if isinstance(part, int) or is_name:
            is_name = False
            continue
        fields = {field_key(name, field): field for name, field in model.model_fields.items()}
        section = nested_model(fields[part].annotation) if part in fields else None
        if section is None:
            return []
        is_name = _has_named_sections(fields[part].annotation)
        model = section
    if is_name:
        return []
    return [field_key(name, field) for name, field in model.model_fields.items()]


def _has_named_sections(annotation: object) -> bool:
    """Return whether a field has sections by names of the user (``storage_providers.minio``)."""
    found = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(found) is dict


def list_sections_with(model: type[BaseModel], key: str) -> list[str]:
    """Return the dotted names of all sections below the model that have a key."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        if (section := nested_model(field.annotation)) is None:
            continue
        own = field_key(name, field)
        if key in list_keys(section, ()):
            found.append(own)
        found += [f"{own}.{inner}" for inner in list_sections_with(section, key)]
    return found


def has_key(model: type[BaseModel], location: Location) -> bool:
    """Return whether the FDL has a key, also in an alternate spelling (``SubnetIds``).

    Names in a mapping of the user, such as variables, are no keys but allowed.
    """
    for part in location:
        names = getattr(model, "alternate_keys", {})
        fields = {field_key(name, field): field for name, field in model.model_fields.items()}
        if (found := fields.get(names.get(str(part), str(part)))) is None:
            return False
        if (section := nested_model(found.annotation)) is None:
            return part == location[-1] or get_origin(found.annotation) is dict
        model = section
    return True


def find_field(model: type[BaseModel], location: Location) -> FieldInfo | None:
    """Return the field of a key or of the nearest section without effect around it; None if none.

    Names inside a mapping of the user (variables, tags) have the field of the mapping.
    """
    found: FieldInfo | None = None
    for part in location:
        if isinstance(part, int):
            continue
        fields = {field_key(name, field): field for name, field in model.model_fields.items()}
        if part not in fields:
            break
        found = fields[part]
        if (inner := nested_model(found.annotation)) is None:
            break
        model = inner
    return found


def field_key(name: str, field: FieldInfo) -> str:
    """Return a field's key in FDL files: ``lambda`` for the field ``lambda_``."""
    return field.alias or name


def is_optional(annotation: object) -> bool:
    """Return whether null is a value of its own, other than an empty section."""
    return type(None) in get_args(annotation)


def nested_model(annotation: object) -> type[BaseModel] | None:
    """Return the section that a field contains, directly or in a list; None for other values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := nested_model(inner)) is not None:
            return found
    return None
