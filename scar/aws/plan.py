"""Compare desired with observed resources. Pure: no AWS call, no file, no clock."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.resources import Key, Resource

_SHOWN = 60
VARIABLES = "environment"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a resource that is not as it shall be."""

    name: str
    before: object
    after: object

    def __str__(self) -> str:
        if isinstance(self.before, tuple) and isinstance(self.after, tuple) and self.is_private:
            changed = sorted({str(pair[0]) for pair in {*self.before} ^ {*self.after}})
            return f"{self.name}: {', '.join(changed)} (values are not shown)"
        return f"{self.name}: {_short(self.before)} -> {_short(self.after)}"

    @property
    def is_private(self) -> bool:
        """Whether the values may be secrets: variables are given names and values by users."""
        return self.name == VARIABLES


@dataclass(frozen=True, slots=True)
class Create:
    desired: Resource

    @property
    def resource(self) -> Resource:
        return self.desired

    def __str__(self) -> str:
        return f"+ {self.desired.key}"


@dataclass(frozen=True, slots=True)
class Update:
    observed: Resource
    desired: Resource

    @property
    def resource(self) -> Resource:
        return self.desired

    @property
    def changed(self) -> tuple[FieldChange, ...]:
        pairs = (
            FieldChange(f.name, getattr(self.observed, f.name), getattr(self.desired, f.name))
            for f in fields(self.desired)
        )
        return tuple(c for c in pairs if c.before != c.after)

    def __str__(self) -> str:
        return "\n".join([f"~ {self.desired.key}", *(f"    {c}" for c in self.changed)])


@dataclass(frozen=True, slots=True)
class Delete:
    observed: Resource

    @property
    def resource(self) -> Resource:
        return self.observed

    def __str__(self) -> str:
        return f"- {self.observed.key}"


Change = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in an order that can be carried out; ``notes`` say what a reader should know."""

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        lines = [*map(str, self.changes)] or ["Nothing to change."]
        return "\n".join([*lines, *(f"({note})" for note in self.notes)])

    def to_json(self) -> str:
        """Return the plan as a JSON document: ``{"changes": [...], "notes": [...]}``."""
        document = {"changes": [_as_json(c) for c in self.changes], "notes": list(self.notes)}
        return json.dumps(document, indent=2)


def plan(
    desired: Iterable[Resource], observed: Mapping[Key, Resource], notes: Iterable[str] = ()
) -> Plan:
    """Order the changes: a resource comes after what it needs, and goes before it.

    What is made comes first and what is no longer wanted goes last, so that an update never
    leaves a gap. ``observed`` holds nothing that is somebody else's.
    """
    wanted = {resource.key: resource for resource in desired}
    changes: list[Change] = []
    for key in in_order(wanted):
        resource, current = wanted[key], observed.get(key)
        if current is None:
            changes.append(Create(resource))
        elif current != resource:
            changes.append(Update(current, resource))
    changes += [Delete(observed[key]) for key in reversed(in_order(observed)) if key not in wanted]
    return Plan(tuple(changes), tuple(notes))


def in_order(resources: Mapping[Key, Resource]) -> list[Key]:
    """Order keys so that each comes after what it needs; the same for the same resources."""
    graph = {key: sorted(r.needs & resources.keys()) for key, r in sorted(resources.items())}
    return list(TopologicalSorter(graph).static_order())


def _as_json(change: Change) -> dict[str, object]:
    key = change.resource.key
    head: dict[str, object] = {"kind": key.kind, "name": key.name}
    match change:
        case Create():
            return {"action": "create", **head, "fields": _public(asdict(change.desired))}
        case Update():
            return {"action": "update", **head, "changed": [_changed(c) for c in change.changed]}
        case Delete():
            return {"action": "delete", **head}
        case _:
            assert_never(change)


def _changed(change: FieldChange) -> dict[str, object]:
    values = {"before": change.before, "after": change.after}
    return {"name": change.name, **{when: _masked(change.name, v) for when, v in values.items()}}


def _public(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _masked(name, value) for name, value in values.items()}


def _masked(name: str, value: object) -> object:
    """Keep the names of variables and drop their values."""
    if name != VARIABLES or not isinstance(value, tuple):
        return value
    return [pair[0] for pair in value]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    # Ends tell long values apart: digests, ARNs.
    half = _SHOWN // 2
    return text if len(text) <= _SHOWN else f"{text[: half - 1]}…{text[-half:]}"
