"""Roles and what gives them to machines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.model.resources.base import Pairs, Resource, ResourceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(Resource):
    """An IAM role under the path ``/scar/`` with one inline policy.

    ``managed_policies`` (ARNs) and ``other_policies`` (names and documents of inline ones) are
    what somebody added.
    """

    kind: ClassVar[str] = "role"

    trust: str = ""
    policy: str = ""
    boundary: str = ""
    managed_policies: tuple[str, ...] = ()
    other_policies: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfile(Resource):
    """What gives a role to the instances of a compute environment."""

    kind: ClassVar[str] = "instance-profile"
    shared: ClassVar[bool] = True

    role: str = ""

    @property
    def uses(self) -> frozenset[ResourceKey]:
        return frozenset({ResourceKey(Role.kind, self.role)})
