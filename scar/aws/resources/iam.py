"""Roles and what gives them to machines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.resources.base import Key, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(Resource):
    """An IAM role under the path ``/scar/`` with one inline policy."""

    kind: ClassVar[str] = "role"

    trust: str = ""
    policy: str = ""
    boundary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfile(Resource):
    """What gives a role to the instances of a compute environment."""

    kind: ClassVar[str] = "instance-profile"
    shared: ClassVar[bool] = True

    role: str = ""

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(Role.kind, self.role)})
