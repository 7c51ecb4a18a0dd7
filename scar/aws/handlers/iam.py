"""IAM roles under ``/scar/`` and instance profiles."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws import names
from scar.aws.faults import NotOurs
from scar.aws.policies import canonical
from scar.aws.resources import InstanceProfile, Role

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import TagTypeDef

_POLICY = "scar"


@dataclass(frozen=True, slots=True)
class RoleHandler:
    iam: IAMClient

    def read(self, resource: Role) -> Role | None:
        try:
            found = self.iam.get_role(RoleName=resource.name)["Role"]
        except self.iam.exceptions.NoSuchEntityException:
            return None
        if found["Path"] != names.ROLE_PATH:
            raise NotOurs(
                f"The role {resource.name} exists, but not under {names.ROLE_PATH}: not scar's.",
                remedy="Give the function another name, or this role as iam.role in the FDL.",
            )
        boundary = found.get("PermissionsBoundary", {})
        return Role(
            name=resource.name,
            trust=canonical(found["AssumeRolePolicyDocument"]),
            policy=self._policy(resource.name),
            boundary=boundary.get("PermissionsBoundaryArn", ""),
        )

    def create(self, resource: Role) -> None:
        tags: list[TagTypeDef] = [{"Key": names.MANAGED_TAG, "Value": "true"}]
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            if resource.boundary:
                self.iam.create_role(
                    RoleName=resource.name,
                    Path=names.ROLE_PATH,
                    AssumeRolePolicyDocument=resource.trust,
                    PermissionsBoundary=resource.boundary,
                    Tags=tags,
                )
            else:
                self.iam.create_role(
                    RoleName=resource.name,
                    Path=names.ROLE_PATH,
                    AssumeRolePolicyDocument=resource.trust,
                    Tags=tags,
                )
        self._allow(resource)

    def update(self, observed: Role, desired: Role) -> None:
        if observed.trust != desired.trust:
            self.iam.update_assume_role_policy(RoleName=desired.name, PolicyDocument=desired.trust)
        if observed.boundary != desired.boundary:
            if desired.boundary:
                self.iam.put_role_permissions_boundary(
                    RoleName=desired.name, PermissionsBoundary=desired.boundary
                )
            else:
                self.iam.delete_role_permissions_boundary(RoleName=desired.name)
        if observed.policy != desired.policy:
            self._allow(desired)

    def delete(self, resource: Role) -> None:
        gone = self.iam.exceptions.NoSuchEntityException
        with contextlib.suppress(gone):
            self.iam.delete_role_policy(RoleName=resource.name, PolicyName=_POLICY)
        with contextlib.suppress(gone):
            self.iam.delete_role(RoleName=resource.name)

    def _policy(self, role: str) -> str:
        try:
            found = self.iam.get_role_policy(RoleName=role, PolicyName=_POLICY)
        except self.iam.exceptions.NoSuchEntityException:
            return ""
        return canonical(found["PolicyDocument"])

    def _allow(self, resource: Role) -> None:
        self.iam.put_role_policy(
            RoleName=resource.name, PolicyName=_POLICY, PolicyDocument=resource.policy
        )


@dataclass(frozen=True, slots=True)
class InstanceProfileHandler:
    iam: IAMClient

    def read(self, resource: InstanceProfile) -> InstanceProfile | None:
        try:
            found = self.iam.get_instance_profile(InstanceProfileName=resource.name)
        except self.iam.exceptions.NoSuchEntityException:
            return None
        roles = [role["RoleName"] for role in found["InstanceProfile"]["Roles"]]
        return InstanceProfile(name=resource.name, role=roles[0] if roles else "")

    def create(self, resource: InstanceProfile) -> None:
        found: InstanceProfile | None = InstanceProfile(name=resource.name)
        try:
            self.iam.create_instance_profile(
                InstanceProfileName=resource.name, Path=names.ROLE_PATH
            )
        except self.iam.exceptions.EntityAlreadyExistsException:
            found = self.read(resource)
        if found is not None and found.role != resource.role:
            self.update(found, resource)

    def update(self, observed: InstanceProfile, desired: InstanceProfile) -> None:
        if observed.role:
            self.iam.remove_role_from_instance_profile(
                InstanceProfileName=desired.name, RoleName=observed.role
            )
        self.iam.add_role_to_instance_profile(
            InstanceProfileName=desired.name, RoleName=desired.role
        )

    def delete(self, resource: InstanceProfile) -> None:
        found = self.read(resource)
        if found is None:
            return
        if found.role:
            self.iam.remove_role_from_instance_profile(
                InstanceProfileName=resource.name, RoleName=found.role
            )
        self.iam.delete_instance_profile(InstanceProfileName=resource.name)
