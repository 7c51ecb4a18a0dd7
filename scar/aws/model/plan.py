"""Compare desired with observed resources. Pure: no AWS call, no file, no clock."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from graphlib import TopologicalSorter
from textwrap import indent
from typing import TYPE_CHECKING, ClassVar, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.model.resources import Resource, ResourceKey

_MAX_VALUE_LENGTH = 60
VARIABLES_FIELD = "environment"
NO_CHANGES = "Nothing to change."


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a resource that is not as it shall be."""

    name: str
    before: object
    after: object

    def __str__(self) -> str:
        if isinstance(self.before, tuple) and isinstance(self.after, tuple) and self.is_secret:
            changed = sorted({str(pair[0]) for pair in {*self.before} ^ {*self.after}})
            return f"{self.name}: {', '.join(changed)} (values are not shown)"
        return f"{self.name}: {_shorten_value(self.before)} -> {_shorten_value(self.after)}"

    @property
    def is_secret(self) -> bool:
        """Whether the values may be secrets: variables are given names and values by users."""
        return self.name == VARIABLES_FIELD


@dataclass(frozen=True, slots=True)
class Create:
    sign: ClassVar[str] = "+"
    desired: Resource

    @property
    def resource(self) -> Resource:
        return self.desired

    def __str__(self) -> str:
        return f"{self.sign} {self.desired.key}"


@dataclass(frozen=True, slots=True)
class Update:
    sign: ClassVar[str] = "~"
    observed: Resource
    desired: Resource

    @property
    def resource(self) -> Resource:
        return self.desired

    @property
    def changed_fields(self) -> tuple[FieldChange, ...]:
        pairs = (
            FieldChange(f.name, getattr(self.observed, f.name), getattr(self.desired, f.name))
            for f in fields(self.desired)
        )
        return tuple(c for c in pairs if c.before != c.after)

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.sign} {self.desired.key}", *(f"    {c}" for c in self.changed_fields)]
        )


@dataclass(frozen=True, slots=True)
class Replace(Update):
    """An update of what AWS lets nobody change: taken away and made again."""

    sign: ClassVar[str] = "±"


@dataclass(frozen=True, slots=True)
class Delete:
    sign: ClassVar[str] = "-"

    observed: Resource

    @property
    def resource(self) -> Resource:
        return self.observed

    def __str__(self) -> str:
        return f"{self.sign} {self.observed.key}"


Change = Create | Update | Replace | Delete


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in an order that can be carried out; ``notes`` say what a reader should know.

    ``owners`` names the function that each resource belongs to; others are shared.
    """

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    owners: Mapping[ResourceKey, str] = field(default_factory=dict, compare=False)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        lines = [*map(str, self.changes)] or [NO_CHANGES]
        return "\n".join([*lines, *(f"({note})" for note in self.notes)])

    def format_by_function(self) -> str:
        """Return the plan for people: by function, what is shared last, how much in all."""
        groups: dict[str, list[Change]] = {}
        for change in self.changes:
            groups.setdefault(self.owners.get(change.resource.key, ""), []).append(change)
        lines: list[str] = []
        for function in sorted(groups, key=lambda name: (not name, name)):
            lines.append(f"Function {function}" if function else "Shared")
            lines += [indent(str(change), "  ") for change in groups[function]]
        lines += [f"({note})" for note in self.notes]
        return "\n".join([*lines, self.summary()])

    def summary(self) -> str:
        """Say how much is to be done, such as ``3 to create, 1 to update``."""
        counts = {
            verb: sum(type(change) is kind for change in self.changes)
            for kind, verb in (
                (Create, "create"),
                (Update, "update"),
                (Replace, "replace"),
                (Delete, "delete"),
            )
        }
        told = ", ".join(f"{number} to {verb}" for verb, number in counts.items() if number)
        return f"{told}." if told else NO_CHANGES

    def to_json(self) -> str:
        """Return the plan as a JSON document: ``{"changes": [...], "notes": [...]}``.

        A change has ``action`` (create, update, replace, delete), ``kind``, ``name``,
        ``function`` (null for what is shared), and ``fields`` or ``changed``.
        """
        changes = [_change_to_json(c, self.owners.get(c.resource.key)) for c in self.changes]
        return json.dumps({"changes": changes, "notes": list(self.notes)}, indent=2)


def plan(
    desired: Iterable[Resource], observed: Mapping[ResourceKey, Resource], notes: Iterable[str] = ()
) -> Plan:
    """Order the changes: a resource comes after what it needs, and goes before it.

    What is made comes first and what is no longer wanted goes last, so that an update never
    leaves a gap. ``observed`` holds nothing that is somebody else's.
    """
    wanted = {resource.key: resource for resource in desired}
    changes: list[Change] = []
    for key in sort_by_dependencies(wanted):
        resource, current = wanted[key], observed.get(key)
        if current is None:
            changes.append(Create(resource))
        elif current != resource:
            changes.append(_update_or_replace(current, resource))
    changes += [
        Delete(observed[key])
        for key in reversed(sort_by_dependencies(observed))
        if key not in wanted
    ]
    return Plan(tuple(changes), tuple(notes), owning_functions({**observed, **wanted}.values()))


def _update_or_replace(current: Resource, resource: Resource) -> Update:
    update = Update(current, resource)
    fixed = any(change.name in resource.create_only for change in update.changed_fields)
    return Replace(current, resource) if fixed else update


def owning_functions(resources: Iterable[Resource]) -> dict[ResourceKey, str]:
    """Say which function alone needs a resource, or is all it is for."""
    known = {r.key: r for r in resources}
    found: dict[ResourceKey, str] = {}
    for resource in known.values():
        if not (function := resource.function):
            continue
        found[resource.key] = function
        below = [resource.key]
        while below:
            needed = known[below.pop()].depends_on & known.keys()
            own = [
                k
                for k in needed
                if not known[k].shared and k not in found and known[k].function in ("", function)
            ]
            found |= dict.fromkeys(own, function)
            below += own
    return found


def sort_by_dependencies(resources: Mapping[ResourceKey, Resource]) -> list[ResourceKey]:
    """Order keys so that each comes after what it needs; the same for the same resources."""
    graph = {key: sorted(r.depends_on & resources.keys()) for key, r in sorted(resources.items())}
    return list(TopologicalSorter(graph).static_order())


def _change_to_json(change: Change, function: str | None) -> dict[str, object]:
    key = change.resource.key
    head: dict[str, object] = {"kind": key.kind, "name": key.name, "function": function}
    match change:
        case Create():
            return {"action": "create", **head, "fields": _mask_variables(asdict(change.desired))}
        case Replace():
            return {
                "action": "replace",
                **head,
                "changed": [_field_change_to_json(c) for c in change.changed_fields],
            }
        case Update():
            return {
                "action": "update",
                **head,
                "changed": [_field_change_to_json(c) for c in change.changed_fields],
            }
        case Delete():
            return {"action": "delete", **head}
        case _:
            assert_never(change)


def _field_change_to_json(change: FieldChange) -> dict[str, object]:
    values = {"before": change.before, "after": change.after}
    return {
        "name": change.name,
        **{when: _mask_value(change.name, v) for when, v in values.items()},
    }


def _mask_variables(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _mask_value(name, value) for name, value in values.items()}


def _mask_value(name: str, value: object) -> object:
    """Keep the names of variables and drop their values."""
    if name != VARIABLES_FIELD or not isinstance(value, tuple):
        return value
    return [pair[0] for pair in value]


def _shorten_value(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    # Ends tell long values apart: digests, ARNs.
    half = _MAX_VALUE_LENGTH // 2
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[: half - 1]}…{text[-half:]}"
