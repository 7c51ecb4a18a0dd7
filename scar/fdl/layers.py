"""Values from several places, the nearer to the user the stronger. Pure.

    command line > environment > FDL file > configuration's stage > configuration
    > SCAR's configuration > defaults of ``model``

Mappings are merged key by key; everything else, lists too, is replaced: that is how a default
list can be emptied. Of each value it stays known where it is from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.fdl.problems import Location

    Origins = dict[Location, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsLayer:
    """Values shaped like one entry of ``functions.aws``, valid for every function.

    ``source`` is where they are from, for people; ``places`` say it closer of single ones.
    Variables in them are only filled in if the layer ``is_file``: a shell has its own.
    """

    source: str
    values: Mapping[str, Any]
    value_sources: Mapping[Location, str] = field(default_factory=dict)
    is_file: bool = False

    def source_of(self, location: Location) -> str:
        return self.value_sources.get(location, self.source)


def merge_layers(layers: Sequence[SettingsLayer]) -> tuple[dict[str, Any], Origins]:
    """Lay layers over each other, the weakest first; say of each value where it is from."""
    result: dict[str, Any] = {}
    origins: Origins = {}
    for layer in layers:
        result = deep_merge(result, layer.values)
        for location, value in _iter_leaves(layer.values, ()):
            for other in [o for o in origins if _is_nested(o, location)]:
                del origins[other]
            origins |= {
                inner: layer.source_of(inner) for inner in _value_locations(value, location)
            }
    return result, {at: source for at, source in origins.items() if _is_value(result, at)}


def deep_merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another."""
    result = dict(below)
    for key, value in above.items():
        present = result.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            result[key] = deep_merge(present, value)
        else:
            result[key] = value
    return result


def _iter_leaves(values: Mapping[str, Any], above: Location) -> Iterator[tuple[Location, Any]]:
    for key, value in values.items():
        here = (*above, str(key))
        if isinstance(value, dict):
            yield from _iter_leaves(value, here)
        else:
            yield here, value


def _value_locations(value: Any, here: Location) -> Iterator[Location]:  # noqa: ANN401 - any YAML
    """Name the single values of a list of mappings: what these leave out is a default."""
    if not (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
        yield here
        return
    for number, item in enumerate(value):
        if isinstance(item, dict):
            yield from (location for location, _ in _iter_leaves(item, (*here, number)))
        else:
            yield (*here, number)


def _is_value(result: Any, location: Location) -> bool:  # noqa: ANN401 - any YAML
    """Say whether a value is still there; keys may have come in its place."""
    for key in location:
        try:
            result = result[key]
        except (LookupError, TypeError):
            return False
    return not isinstance(result, dict)


def _is_nested(one: Location, other: Location) -> bool:
    """Say whether one lies below the other."""
    short = min(len(one), len(other))
    return one[:short] == other[:short]
