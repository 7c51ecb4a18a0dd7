"""Read SCAR's words in one entry of ``functions.aws``: what is left for the FDL's model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.fdl.scar_words.scar_defaults import ROLES, is_default
from scar.fdl.scar_words.table import find_refusal, list_values, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.problems import Location
    from scar.fdl.scar_words.word import Word

# Its value is SCAR's default, but would open an endpoint to all: it is named wherever it is set.
AUTHORIZATION: Location = ("api_gateway", "method", "authorizationType")
_NOT_IN_MODEL = "s3"  # only its Region and profile are looked at, by service_places
_PLACEHOLDER = "{account_id}"
_VARIABLE = "${account_id}"
# The texts of users, in which scar replaces nothing unless it is written as a variable.
_FREE_TEXT = frozenset({"Variables", "tags", "description"})


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """An entry without SCAR's words; ``unused`` are the places of those that have no effect."""

    values: dict[str, Any]
    unused: tuple[Location, ...] = ()
    problems: tuple[tuple[Location, str], ...] = field(default=())


def read_entry(entry: Mapping[str, Any]) -> ReadEntry:
    """Read the words of an entry.

    A value that SCAR itself sets is removed too, but not listed. The value of a refused key is
    moved to the key's new place, if that is free: so that its absence there is no second problem.
    """
    removed: set[Location] = set()
    unused: list[Location] = []
    refusals: dict[Location, Word] = {}
    for at, value in list_values(entry):
        known = is_default(at, value) and at != AUTHORIZATION
        if refusal := find_refusal(at):
            key, word = refusal
            removed.add(key)
            refusals |= {} if known else {key: word}
        elif reason_of(at):
            removed.add(at)
            unused += [] if known else [at]
        elif at[0] == _NOT_IN_MODEL or value == ROLES.get(at, ()):
            removed.add(at)
    values = _without(entry, frozenset(removed), ())
    for at, word in refusals.items():
        if word.new_place:
            _set_if_free(values, word.new_place, _value_at(entry, at))
    problems = [(at, f"there is no such key; {word.text}") for at, word in refusals.items()]
    return ReadEntry(values, tuple(unused), (*problems, *_find_placeholders(values, ())))


def _find_placeholders(value: Any, at: Location) -> Iterator[tuple[Location, str]]:  # noqa: ANN401 - any YAML
    """Yield a problem for each placeholder that SCAR would replace by the account's id."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _FREE_TEXT:
                yield from _find_placeholders(inner, (*at, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _find_placeholders(inner, (*at, number))
    elif isinstance(value, str) and _PLACEHOLDER in value.replace(_VARIABLE, ""):
        yield at, f"{_PLACEHOLDER} is not replaced; write {_VARIABLE} for the account's id"


def _set_if_free(values: dict[str, Any], place: Location, value: object) -> None:
    *above, last = place
    for key in above:
        inner = values.setdefault(str(key), {})
        if not isinstance(inner, dict):
            return
        values = inner
    values.setdefault(str(last), value)


def _value_at(values: Any, location: Location) -> Any:  # noqa: ANN401 - any YAML
    for part in location:
        values = values[part]
    return values


def _without(
    values: Mapping[str, Any], removed: frozenset[Location], at: Location
) -> dict[str, Any]:
    """Return the values without the removed ones, and without sections that had only those."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        location = (*at, str(key))
        if location in removed:
            continue
        if isinstance(value, dict) and value:
            inner = _without(value, removed, location)
            had_removed = any(place[: len(location)] == location for place in removed)
            if inner or not had_removed:
                kept[key] = inner
        else:
            kept[key] = value
    return kept
