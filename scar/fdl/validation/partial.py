"""Find what is valid in an invalid document: its functions and stores without the faulty keys."""

from __future__ import annotations

import contextlib
import copy
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from scar.fdl.model import AwsFunction, StorageProviders
from scar.fdl.scar_words.file_words import provider_kind
from scar.fdl.validation.errors import clean_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from scar.fdl.problems import Location, Problem

_FUNCTIONS: Location = ("functions", "aws")
_STORES = "storage_providers"
_PROVIDERS: Location = (_STORES,)
_NAME: Location = ("lambda", "name")
# For a function whose own name is invalid; a message with it is not shown.
_UNKNOWN_NAME = "unknown-function"
_ATTEMPTS = 4  # a fault of a section may show only without those of its keys


@dataclass(slots=True)
class _Pruned:
    """A section without its faulty values; ``removed`` are the indexes taken out of lists."""

    data: Any
    removed: dict[Location, list[int]] = field(default_factory=dict)

    def take_out(self, faults: Iterable[Location]) -> None:
        """Remove the faulty values, or the nearest part around a value that is not written."""
        # From the end, so that the indexes of lists stay right.
        for fault in sorted(faults, key=_index_order, reverse=True):
            self._take_out(fault)

    def _take_out(self, fault: Location) -> None:
        above: list[tuple[Any, str | int]] = []
        value = self.data
        for part in fault:
            if isinstance(value, list) and part == 0 and not value:
                break
            # A single mapping may be written for a list.
            if part == 0 and isinstance(value, dict):
                continue
            if not _has(value, part):
                break
            above.append((value, part))
            value = value[part]
        if not above:
            return
        holder, part = above[-1]
        del holder[part]
        if isinstance(holder, list) and isinstance(part, int):
            at = fault[: len(above) - 1]
            self.removed.setdefault(at, []).append(part)

    def written(self, location: Location) -> Location:
        """Return a location with the indexes of lists as they are in the file."""
        found: Location = ()
        for part in location:
            if isinstance(part, int):
                for index in sorted(self.removed.get(found, ())):
                    part += index <= part  # noqa: PLW2901 - counted as it goes
            found = (*found, part)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidParts:
    """The functions, with their number in the file, and stores that rules can be checked for."""

    functions: list[tuple[int, AwsFunction]]
    providers: StorageProviders
    faults: Mapping[Location, Problem]
    pruned: Mapping[int, _Pruned] = field(default_factory=dict)

    @classmethod
    def of(
        cls, data: Mapping[str, Any], faults: Mapping[Location, Problem], context: dict[str, Any]
    ) -> Self:
        """Return the valid parts of a document with these faults."""
        functions, all_pruned = [], {}
        for number, entry in enumerate(_entries(data)):
            own = [at[3:] for at in faults if at[:3] == (*_FUNCTIONS, number)]
            pruned = _Pruned(copy.deepcopy(entry))
            if (function := _valid_function(pruned, own, context)) is not None:
                functions.append((number, function))
                all_pruned[number] = pruned
        stores = [at[1:] for at in faults if at[:1] == _PROVIDERS]
        providers = _valid_providers(data.get("storage_providers"), stores, context)
        return cls(functions=functions, providers=providers, faults=faults, pruned=all_pruned)

    def without_consequences(
        self, broken: Iterable[tuple[Location, str]]
    ) -> Iterator[tuple[Location, str]]:
        """Yield the broken rules except those that may be broken only because of a fault."""
        for location, message in broken:
            if self._follows(location, message):
                continue
            number = location[2] if location[:2] == _FUNCTIONS and len(location) > 2 else None
            if isinstance(number, int) and number in self.pruned:
                written = self.pruned[number].written(location[3:])
                yield (*location[:3], *written), message
            else:
                yield location, message

    def _follows(self, location: Location, message: str) -> bool:
        if _UNKNOWN_NAME in message:
            return True
        number = location[2:3] if location[:2] == _FUNCTIONS else ()
        if location[:1] == _PROVIDERS:
            return self._follows_in_store(location, message)
        # Of a faulty store it is unknown whether it exists; the rules of its kind hold anyway.
        is_of_entry = location[-1:] == ("storage_provider",) and message.startswith(_STORES)
        if is_of_entry and self._names_faulty_store(location):
            return True
        for fault, problem in self.faults.items():
            if fault[:2] != _FUNCTIONS or fault[2:3] != number:
                continue
            for name in _faulty_names(fault, problem):
                in_item = any(isinstance(part, int) for part in fault[3:])
                if (not in_item and name in location) or re.search(rf"\b{name}\b", message):
                    return True
        return False

    def _follows_in_store(self, location: Location, message: str) -> bool:
        """Return whether a store lacks a key only because the key is faulty or misspelt."""
        return any(
            re.search(rf"\b{re.escape(name)}\b", message)
            for fault, problem in self.faults.items()
            if fault[:3] == location[:3] and len(fault) > 3
            for name in (str(fault[3]), *re.findall(r"did you mean `(\w+)`", problem.message))
        )

    def _names_faulty_store(self, location: Location) -> bool:
        written = next(f for n, f in self.functions if n == location[2])
        value: Any = written.lambda_
        for part in location[4:]:
            value = value[part] if isinstance(part, int) else getattr(value, part)
        kind, name = provider_kind(str(value)), str(value).partition(".")[2]
        return any(
            at[:1] == _PROVIDERS and at[1:3] in {(kind,), (kind, name), ()} for at in self.faults
        )


def _valid_function(
    pruned: _Pruned, faults: list[Location], context: dict[str, Any]
) -> AwsFunction | None:
    for _ in range(_ATTEMPTS):
        spec = pruned.data.get("lambda") if isinstance(pruned.data, dict) else None
        if not isinstance(spec, dict):
            return None
        if _NAME in faults:
            spec["name"] = _UNKNOWN_NAME
        pruned.take_out(at for at in faults if at != _NAME)
        try:
            return AwsFunction.model_validate(pruned.data, context=context)
        except ValidationError as error:
            faults = [clean_location(detail["loc"]) for detail in error.errors()]
    return None


def _valid_providers(
    stores: Any,  # noqa: ANN401 - any YAML
    faults: list[Location],
    context: dict[str, Any],
) -> StorageProviders:
    # Without the faulty keys; without the whole stores if these are then still invalid.
    for left_out in ({*faults}, {at[:2] for at in faults}):
        pruned = _Pruned(copy.deepcopy(stores if isinstance(stores, dict) else {}))
        pruned.take_out(left_out)
        with contextlib.suppress(ValidationError):
            return StorageProviders.model_validate(pruned.data, context=context)
    return StorageProviders()


def _entries(data: Mapping[str, Any]) -> list[Any]:
    functions = data.get("functions")
    entries = functions.get("aws") if isinstance(functions, dict) else None
    return entries if isinstance(entries, list) else []


def _faulty_names(fault: Location, problem: Problem) -> set[str]:
    """Return the names of a faulty key: its own, and the one that was meant."""
    names = [part for part in fault[3:] if isinstance(part, str)]
    meant = re.findall(r"did you mean `(\w+)`", problem.message)
    in_item = next((n for n, part in enumerate(fault[3:]) if isinstance(part, int)), None)
    own = names[in_item - 1 : in_item] if in_item else names[-1:]
    return {re.escape(name) for name in (*own, *meant) if name != "name"}


def _has(value: Any, part: str | int) -> bool:  # noqa: ANN401 - any YAML
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _index_order(location: Location) -> tuple[tuple[bool, int, str], ...]:
    return tuple(
        (isinstance(part, int), part if isinstance(part, int) else 0, str(part))
        for part in location
    )
