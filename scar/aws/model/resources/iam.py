"""IAM roles and instance profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.model.resources.base import Pairs, Resource, ResourceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(Resource):
    """An IAM role under the path ``/scar/`` with an inline policy of scar's.

    ``trust`` and ``policy`` are JSON documents, ``boundary`` is the ARN of the permissions
    boundary, ``tags`` are the user's. ``managed_policies`` (ARNs) and ``other_policies`` (names and
    documents of inline policies) are those that the user asks for; what others have added shows up
    as a change.
    """

    kind: ClassVar[str] = "role"
    policy_fields: ClassVar[frozenset[str]] = frozenset({"trust", "policy"})
    kept_on_undo: ClassVar[bool] = True

    trust: str = ""
    policy: str = ""
    boundary: str = ""
    managed_policies: tuple[str, ...] = ()
    other_policies: Pairs = ()
    tags: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfile(Resource):
    """The instance profile that passes a role to the instances of compute environments."""

    kind: ClassVar[str] = "instance-profile"
    shared: ClassVar[bool] = True
    kept_on_undo: ClassVar[bool] = True

    role: str = ""

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset({ResourceKey(Role.kind, self.role)})
