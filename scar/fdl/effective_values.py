"""List the effective values of a function with their sources, secret values masked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from scar.fdl.model import FileSystemSpec, LambdaSpec, NetworkSpec, UlimitSpec
from scar.fdl.problems import format_location
from scar.fdl.value_sources import value_source
from scar.hidden_text import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.loader import ResolvedDocument
    from scar.fdl.problems import Location

DEFAULT_SOURCE = "default"
_ALTERNATE_KEYS = {
    **NetworkSpec.alternate_keys,
    **FileSystemSpec.alternate_keys,
    **LambdaSpec.alternate_keys,
    **UlimitSpec.alternate_keys,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveValue:
    """One key of a function as in the file, its value as plain data, and its source."""

    key: str
    value: object
    source: str


def list_effective_values(
    resolved: ResolvedDocument, number: int, *, secrets: bool
) -> tuple[EffectiveValue, ...]:
    """Return all values of a function in the model's order.

    Values of environment variables may be secret: they are masked unless ``secrets`` is true.
    """
    # Origins have the keys as in the file; those of the model may be spelled differently.
    origins = {
        _normalize_location(location): source
        for location, source in resolved.origins[number].items()
    }
    function = resolved.document.functions.aws[number]
    return tuple(
        EffectiveValue(
            key=format_location(location),
            value=value if secrets or not _is_secret(location) else MASK,
            source=_find_source(location, origins) if is_set else DEFAULT_SOURCE,
        )
        for location, value, is_set in _flatten_model(function, ())
    )


def _find_source(location: Location, origins: Mapping[Location, str]) -> str:
    return value_source(location, origins) or DEFAULT_SOURCE


def _flatten_model(value: BaseModel, parent: Location) -> Iterator[tuple[Location, object, bool]]:
    """Yield the location and value of each key, and whether it is set; a list of plain values is
    one value.

    A short form sets some keys of its section only: ``disk: 500`` sets ``disk.size``.
    """
    for name, field in type(value).model_fields.items():
        is_set = name in value.model_fields_set
        for location, inner, is_inner_set in _flatten_value(
            getattr(value, name), (*parent, field.alias or name)
        ):
            yield location, inner, is_set and is_inner_set


def _flatten_value(value: Any, location: Location) -> Iterator[tuple[Location, object, bool]]:  # noqa: ANN401
    if isinstance(value, BaseModel):
        yield from _flatten_model(value, location)
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flatten_value(item, (*location, key))
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        for number, item in enumerate(value):
            yield from _flatten_model(item, (*location, number))
    else:
        yield location, _to_plain_data(value), True


def _to_plain_data(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _is_secret(location: Location) -> bool:
    return location[-2:-1] == ("Variables",)


def _normalize_location(location: Location) -> Location:
    return tuple(_ALTERNATE_KEYS.get(str(part), part) for part in location)
