"""Merge values of several sources by precedence, and record the source of each value.

    command line > environment > FDL file > configuration's stage > configuration
    > SCAR's configuration > defaults of ``scar.fdl.model``

Mappings are merged key by key. All other values are replaced, lists too: so an empty list can
override a default list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.fdl.problems import Location

    Origins = dict[Location, str]

COMMAND_LINE = "command line"  # the source of options; that of a single one: ``option_source``


def option_source(option: str) -> str:
    """Return the source of a value that an option of the command line has set."""
    return f"{COMMAND_LINE}, {option}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsLayer:
    """Values in the shape of one entry of ``functions.aws``, for every function.

    ``source`` describes where they are from, ``value_sources`` that of single values. Variables
    are substituted only in files (``is_file``): the shell has done it on a command line.
    """

    source: str
    values: Mapping[str, Any]
    value_sources: Mapping[Location, str] = field(default_factory=dict)
    is_file: bool = False

    def source_of(self, location: Location) -> str:
        """Return the source of the value at a location: that of it or of the value around it."""
        for length in range(len(location), 0, -1):
            if (source := self.value_sources.get(location[:length])) is not None:
                return source
        return self.source


def merge_layers(layers: Sequence[SettingsLayer]) -> tuple[dict[str, Any], Origins]:
    """Merge layers in order of increasing precedence; return the values and their sources."""
    result: dict[str, Any] = {}
    origins: Origins = {}
    for layer in layers:
        result = deep_merge(result, layer.values)
        for location, value in _iter_leaves(layer.values, ()):
            # The value may replace a mapping, or a mapping of this layer a value.
            for replaced in [o for o in origins if _is_nested(o, location)]:
                del origins[replaced]
            origins |= {
                inner: layer.source_of(inner) for inner in _value_locations(value, location)
            }
    return result, {at: source for at, source in origins.items() if _is_value(result, at)}


def deep_merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings merged; values of ``upper`` take precedence."""
    result = dict(lower)
    for key, value in upper.items():
        current = result.get(key)
        if isinstance(current, dict) and isinstance(value, dict):
            result[key] = deep_merge(current, value)
        else:
            result[key] = value
    return result


def _iter_leaves(values: Mapping[str, Any], above: Location) -> Iterator[tuple[Location, Any]]:
    for key, value in values.items():
        location = (*above, str(key))
        if isinstance(value, dict):
            yield from _iter_leaves(value, location)
        else:
            yield location, value


def _value_locations(value: Any, location: Location) -> Iterator[Location]:  # noqa: ANN401 - any YAML
    """Yield the location of a value; for a list of mappings, of each value in them.

    Keys that such a mapping leaves out have the model's defaults, so they have no source.
    """
    if not (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
        yield location
        return
    for number, item in enumerate(value):
        if isinstance(item, dict):
            yield from (inner for inner, _ in _iter_leaves(item, (*location, number)))
        else:
            yield (*location, number)


def _is_value(result: Any, location: Location) -> bool:  # noqa: ANN401 - any YAML
    """Return whether the location is still that of a value: a mapping may have replaced it."""
    for key in location:
        try:
            result = result[key]
        except (LookupError, TypeError):
            return False
    return not isinstance(result, dict)


def _is_nested(one: Location, other: Location) -> bool:
    """Return whether one of the locations contains the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]
