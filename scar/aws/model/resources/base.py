"""The part that all resources have in common: key, dependencies, whether functions share it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from scar.aws.model.policy_meaning import same_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

Pairs = tuple[tuple[str, str], ...]
Architecture = Literal["x86_64", "arm64"]


class ResourceKey(NamedTuple):
    """The identity of a resource in its account and Region."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that exists in an account (observed) or that must exist (desired).

    ``shared``: several functions may use it. ``is_trigger``: it starts functions.
    ``kept_on_undo``: a created one stays when a later step fails, since AWS takes minutes to accept
    one of the same name again, and it does no harm.
    ``create_only`` are the fields that AWS cannot update: the resource is replaced if one of them
    changes. ``request_paths`` is the path of a field in the request that creates the resource, for
    fields that AWS takes unconverted; AWS's description of the resource has the same path
    (``scar.aws.requests.field_paths``). ``policy_fields`` are IAM policies as JSON, of which only
    the meaning counts.
    """

    kind: ClassVar[str]
    shared: ClassVar[bool] = False
    is_trigger: ClassVar[bool] = False
    kept_on_undo: ClassVar[bool] = False
    create_only: ClassVar[frozenset[str]] = frozenset()
    request_paths: ClassVar[Mapping[str, str]] = {}
    policy_fields: ClassVar[frozenset[str]] = frozenset()

    name: str

    @property
    def key(self) -> ResourceKey:
        return ResourceKey(self.kind, self.name)

    def may_stay(self, observed: Resource | None) -> bool:
        """Return whether an undo keeps the resource, whose creation failed in this state."""
        return self.kept_on_undo and observed == self

    @property
    def function(self) -> str:
        """The function that the resource belongs to, empty if name and fields do not contain it."""
        return ""

    @property
    def needs(self) -> frozenset[ResourceKey]:
        """The keys of the resources that must exist before this one can be created.

        Keys of resources that scar does not manage, such as a user's role, are harmless: the plan
        ignores what is neither desired nor observed.
        """
        return frozenset()

    @property
    def uses(self) -> frozenset[ResourceKey]:
        """The keys of the resources that it only needs at run time, before a trigger starts it."""
        return frozenset()

    @property
    def depends_on(self) -> frozenset[ResourceKey]:
        """The keys of the resources that are changed before this one, and deleted after it."""
        return self.needs | self.uses

    def differing_fields(self, other: Resource) -> tuple[str, ...]:
        """Return the fields whose values differ from those of a resource of the same kind."""
        return tuple(
            f.name
            for f in fields(self)
            if f.compare
            and (one := getattr(self, f.name)) != (two := getattr(other, f.name))
            and not (f.name in self.policy_fields and same_policy(one, two))
        )
