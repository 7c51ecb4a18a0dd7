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
class Layer:
    """Values shaped like one entry of ``functions.aws``, valid for every function.

    ``source`` is where they are from, for people; ``places`` say it closer of single ones.
    Variables in them are only filled in if the layer ``is_file``: a shell has its own.
    """

    source: str
    values: Mapping[str, Any]
    places: Mapping[Location, str] = field(default_factory=dict)
    is_file: bool = False

    def at(self, location: Location) -> str:
        return self.places.get(location, self.source)


def laid(layers: Sequence[Layer]) -> tuple[dict[str, Any], Origins]:
    """Lay layers over each other, the weakest first; say of each value where it is from."""
    result: dict[str, Any] = {}
    origins: Origins = {}
    for layer in layers:
        result = over(result, layer.values)
        for location, value in _leaves(layer.values, ()):
            for other in [o for o in origins if _same_line(o, location)]:
                del origins[other]
            origins |= {inner: layer.at(inner) for inner in _inside(value, location)}
    return result, {at: source for at, source in origins.items() if _is_value(result, at)}


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another."""
    result = dict(below)
    for key, value in above.items():
        present = result.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            result[key] = over(present, value)
        else:
            result[key] = value
    return result


def _leaves(values: Mapping[str, Any], above: Location) -> Iterator[tuple[Location, Any]]:
    for key, value in values.items():
        here = (*above, str(key))
        if isinstance(value, dict):
            yield from _leaves(value, here)
        else:
            yield here, value


def _inside(value: Any, here: Location) -> Iterator[Location]:  # noqa: ANN401 - any YAML
    """Name the single values of a list of mappings: what these leave out is a default."""
    if not (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
        yield here
        return
    for number, item in enumerate(value):
        if isinstance(item, dict):
            yield from (location for location, _ in _leaves(item, (*here, number)))
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


def _same_line(one: Location, other: Location) -> bool:
    """Say whether one lies below the other."""
    short = min(len(one), len(other))
    return one[:short] == other[:short]
