"""Every value of a function, where it is from, and which of them are nobody's business. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from scar.fdl.loader import value_source
from scar.fdl.model import FileSystemSpec, NetworkSpec
from scar.fdl.problems import format_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.loader import ResolvedDocument
    from scar.fdl.problems import Location

MASK = "********"
DEFAULT_SOURCE = "default"
_ALTERNATE_KEYS = {
    **NetworkSpec.alternate_keys,
    **FileSystemSpec.alternate_keys,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveValue:
    """One key of a function: as people write it, its value as plain data, where it is from."""

    key: str
    value: object
    source: str


def list_effective_values(
    resolved: ResolvedDocument, number: int, *, secrets: bool
) -> tuple[EffectiveValue, ...]:
    """Return all values of a function in the model's order.

    Values of environment variables may be secrets: without ``secrets`` a mask stands for them.
    """
    origins = {_normalize_location(at): source for at, source in resolved.origins[number].items()}
    function = resolved.document.functions.aws[number]
    return tuple(
        EffectiveValue(
            key=format_location(location),
            value=value if secrets or not _is_secret(location) else MASK,
            source=_find_source(location, origins),
        )
        for location, value in _flatten_model(function, ())
    )


def _find_source(location: Location, origins: Mapping[Location, str]) -> str:
    return value_source(location, origins) or DEFAULT_SOURCE


def _flatten_model(value: BaseModel, above: Location) -> Iterator[tuple[Location, object]]:
    """Yield what a part of the FDL holds; lists of plain values are one value."""
    for name, field in type(value).model_fields.items():
        here = (*above, field.alias or name)
        yield from _flatten_value(getattr(value, name), here)


def _flatten_value(value: Any, here: Location) -> Iterator[tuple[Location, object]]:  # noqa: ANN401
    if isinstance(value, BaseModel):
        yield from _flatten_model(value, here)
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield (*here, key), _to_plain_data(item)
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        for number, item in enumerate(value):
            yield from _flatten_model(item, (*here, number))
    else:
        yield here, _to_plain_data(value)


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
