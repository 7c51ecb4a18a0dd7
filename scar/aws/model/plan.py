"""Compare desired with observed resources: the plan, as text for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, is_dataclass
from graphlib import TopologicalSorter
from textwrap import indent
from typing import TYPE_CHECKING, ClassVar, assert_never

from scar.aws.model.value_changes import describe_changed_names, describe_value_change
from scar.hidden_text import MASK, HiddenText

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.model.resources import Resource, ResourceKey

VARIABLES_FIELD = "environment"
_STATUS_FIELD = "status"  # Batch's reasons are sentences that must be read whole
NO_CHANGES = "Nothing to change."


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a resource whose observed value differs from the desired one."""

    name: str
    before: object
    after: object

    def __str__(self) -> str:
        if isinstance(self.before, tuple) and isinstance(self.after, tuple) and self.is_secret:
            names = describe_changed_names(self.before, self.after)
            return f"{self.name}: {names} (values are not shown)"
        if isinstance(self.before, HiddenText) or isinstance(self.after, HiddenText):
            return f"{self.name}: differs (values are not shown)"
        if self.name == _STATUS_FIELD:
            return f"{self.name}: {self.before} -> {self.after}"
        return f"{self.name}: {describe_value_change(self.before, self.after)}"

    @property
    def is_secret(self) -> bool:
        """Whether the values may be secrets: users put credentials into environment variables."""
        return self.name == VARIABLES_FIELD


@dataclass(frozen=True, slots=True)
class Create:
    """The creation of a resource that does not exist."""

    sign: ClassVar[str] = "+"
    desired: Resource

    @property
    def resource(self) -> Resource:
        return self.desired

    def __str__(self) -> str:
        return f"{self.sign} {self.desired.key}"


@dataclass(frozen=True, slots=True)
class Update:
    """The update of a resource that exists, in place."""

    sign: ClassVar[str] = "~"
    observed: Resource
    desired: Resource

    @property
    def resource(self) -> Resource:
        return self.desired

    @property
    def changed_fields(self) -> tuple[FieldChange, ...]:
        """The fields that differ, in the order of the resource's class."""
        return tuple(
            FieldChange(name, getattr(self.observed, name), getattr(self.desired, name))
            for name in self.desired.differing_fields(self.observed)
        )

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.sign} {self.desired.key}", *(f"    {c}" for c in self.changed_fields)]
        )


@dataclass(frozen=True, slots=True)
class Replace(Update):
    """An update that AWS does not support in place: the resource is deleted and created again."""

    sign: ClassVar[str] = "±"


@dataclass(frozen=True, slots=True)
class Delete:
    """The deletion of a resource that is no longer desired."""

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
    """Changes in the order in which they can be applied, and notes for the reader.

    ``owners`` maps resources to the function that they belong to; all others are shared.
    ``image_changes`` says what differs between two images, by their URIs.
    """

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    owners: Mapping[ResourceKey, str] = field(default_factory=dict, compare=False)
    image_changes: Mapping[tuple[str, str], tuple[str, ...]] = field(
        default_factory=dict, compare=False
    )

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        lines = [*map(str, self.changes)] or [NO_CHANGES]
        return "\n".join([*lines, *(f"({note})" for note in self.notes)])

    def format_by_function(self) -> str:
        """Return the plan as text: grouped by function, shared resources last, then the summary."""
        groups: dict[str, list[Change]] = {}
        for change in self.changes:
            groups.setdefault(self.owners.get(change.resource.key, ""), []).append(change)
        lines: list[str] = []
        # Sorted by name, but the empty name, for shared resources, last.
        for function in sorted(groups, key=lambda name: (not name, name)):
            lines.append(f"Function {function}" if function else "Shared")
            lines += [indent(self._format_change(change), "  ") for change in groups[function]]
        lines += [f"({note})" for note in self.notes]
        return "\n".join([*lines, self.summary()])

    def _format_change(self, change: Change) -> str:
        if not isinstance(change, Update):
            return str(change)
        fields = [
            f"{c.name}: {', '.join(parts)}" if (parts := self._image_parts(c)) else str(c)
            for c in change.changed_fields
        ]
        return "\n".join([f"{change.sign} {change.desired.key}", *(f"    {c}" for c in fields)])

    def _image_parts(self, change: FieldChange) -> tuple[str, ...]:
        return self.image_changes.get((str(change.before), str(change.after)), ())

    def _change_to_json(self, change: Change) -> dict[str, object]:
        key = change.resource.key
        function = self.owners.get(key)
        head: dict[str, object] = {"kind": key.kind, "name": key.name, "function": function}
        match change:
            case Create():
                fields = _mask_variables(asdict(change.desired))
                return {"action": "create", **head, "fields": fields}
            case Update():
                action = "replace" if isinstance(change, Replace) else "update"
                changed = [self._field_change_to_json(c) for c in change.changed_fields]
                return {"action": action, **head, "changed": changed}
            case Delete():
                return {"action": "delete", **head}
            case _:
                assert_never(change)

    def _field_change_to_json(self, change: FieldChange) -> dict[str, object]:
        values = {"before": change.before, "after": change.after}
        parts = self._image_parts(change)
        return {
            "name": change.name,
            **{when: _mask_value(change.name, _as_json(v)) for when, v in values.items()},
            **({"parts": list(parts)} if parts else {}),
        }

    def summary(self) -> str:
        """Return the number of changes by action, such as ``3 to create, 1 to update.``."""
        counts = {
            # By exact type: a Replace is an Update too.
            verb: sum(type(change) is kind for change in self.changes)
            for kind, verb in (
                (Create, "create"),
                (Update, "update"),
                (Replace, "replace"),
                (Delete, "delete"),
            )
        }
        text = ", ".join(f"{number} to {verb}" for verb, number in counts.items() if number)
        return f"{text}." if text else NO_CHANGES

    def to_json(self) -> str:
        """Return the plan as a JSON document: ``{"changes": [...], "notes": [...]}``.

        A change has ``action`` (create, update, replace, delete), ``kind``, ``name``,
        ``function`` (null for shared resources), and ``fields`` (create) or ``changed`` (update,
        replace). A changed image has ``parts``: what differs in it. Environment variables appear
        with their names, without their values.
        """
        changes = [self._change_to_json(c) for c in self.changes]
        return json.dumps({"changes": changes, "notes": list(self.notes)}, indent=2)


def _as_json(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def plan(
    desired: Iterable[Resource], observed: Mapping[ResourceKey, Resource], notes: Iterable[str] = ()
) -> Plan:
    """Return the changes that turn the observed resources into the desired ones.

    Creations and updates are ordered so that a resource follows its dependencies; deletions follow
    in the opposite order. ``observed`` must contain only resources that may be deleted if they are
    not desired.
    """
    desired_by_key = {resource.key: resource for resource in desired}
    changes: list[Change] = []
    for key in sort_by_dependencies(desired_by_key):
        resource, current = desired_by_key[key], observed.get(key)
        if current is None:
            changes.append(Create(resource))
        elif resource.differing_fields(current):
            changes.append(_update_or_replace(current, resource))
    # Deletions come last: a function that moves to another queue always has one that works.
    # They follow the observed dependencies, since the desired ones may not contain them any more.
    changes += [
        Delete(observed[key])
        for key in reversed(sort_by_dependencies(observed))
        if key not in desired_by_key
    ]
    owners = owning_functions({**observed, **desired_by_key}.values())
    return Plan(tuple(changes), tuple(notes), owners)


def _update_or_replace(current: Resource, resource: Resource) -> Update:
    update = Update(current, resource)
    is_create_only = any(change.name in resource.create_only for change in update.changed_fields)
    return Replace(current, resource) if is_create_only else update


def owning_functions(resources: Iterable[Resource]) -> dict[ResourceKey, str]:
    """Return the function that each resource belongs to; shared resources are left out."""
    by_key = {r.key: r for r in resources}
    owners: dict[ResourceKey, str] = {}
    # Roles, repositories and log groups do not contain the name of their function. They belong to
    # the function whose resources depend on them, so follow the dependencies of those that do.
    for resource in by_key.values():
        if not (function := resource.function):
            continue
        owners[resource.key] = function
        pending = [resource.key]
        while pending:
            dependencies = by_key[pending.pop()].depends_on & by_key.keys()
            own = [
                k
                for k in dependencies
                # All functions depend on the failure handler, which names itself as its function.
                if not by_key[k].shared and k not in owners and by_key[k].function in ("", function)
            ]
            owners |= dict.fromkeys(own, function)
            pending += own
    return owners


def sort_by_dependencies(resources: Mapping[ResourceKey, Resource]) -> list[ResourceKey]:
    """Return the keys so that each follows its dependencies, in a reproducible order."""
    # Sorted twice, because the topological order of equals depends on the order of insertion.
    graph = {key: sorted(r.depends_on & resources.keys()) for key, r in sorted(resources.items())}
    return list(TopologicalSorter(graph).static_order())


def _mask_variables(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _mask_value(name, value) for name, value in values.items()}


def _mask_value(name: str, value: object) -> object:
    """Return the value, of environment variables the names only, of a secret asterisks."""
    if isinstance(value, HiddenText):
        return MASK
    if name != VARIABLES_FIELD or not isinstance(value, tuple):
        return value
    return [pair[0] for pair in value]
