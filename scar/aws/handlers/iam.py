"""IAM roles under ``/scar/`` and instance profiles."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scar.aws.client.errors import UnmanagedResourceError
from scar.aws.compile.policies import canonical_json
from scar.aws.model import names
from scar.aws.model.resources import InstanceProfile, Role
from scar.aws.model.tags import changed_tags, users_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import TagTypeDef

    from scar.aws.model.resources import Pairs

_POLICY_NAME = "scar"


@dataclass(frozen=True, slots=True)
class RoleHandler:
    """Roles with an inline policy of scar's, and the policies that the user asks for.

    Policies added by others are read too, so that the plan shows and removes them.
    """

    iam: IAMClient

    def read(self, resource: Role) -> Role | None:
        try:
            role = self.iam.get_role(RoleName=resource.name)["Role"]
        except self.iam.exceptions.NoSuchEntityException:
            return None
        if role["Path"] != names.ROLE_PATH:
            raise UnmanagedResourceError(
                f"The role {resource.name} exists, but not under the path {names.ROLE_PATH}: it is"
                " not managed by scar.",
                remedy="Rename the function, or set iam.role to this role in the FDL.",
            )
        boundary = role.get("PermissionsBoundary", {})
        with ThreadPoolExecutor(3) as pool:
            policy = pool.submit(self._read_policy, resource.name, _POLICY_NAME)
            managed = pool.submit(self._list_managed_policies, resource.name)
            others = pool.submit(self._read_other_policies, resource.name)
            return Role(
                name=resource.name,
                trust=_to_json(role["AssumeRolePolicyDocument"]),
                policy=policy.result(),
                boundary=boundary.get("PermissionsBoundaryArn", ""),
                managed_policies=managed.result(),
                other_policies=others.result(),
                tags=users_tags(
                    {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}, resource.tags
                ),
            )

    def create(self, resource: Role) -> None:
        tags = _to_tag_list({names.MANAGED_TAG: "true", **dict(resource.tags)})
        # An interrupted deployment may have created the role without its policy.
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            if resource.boundary:  # the SDK accepts no empty one
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
        self._put_policy(resource)
        self._add_policies(resource, has=Role(name=resource.name))

    def update(self, observed: Role, desired: Role) -> None:
        changed = desired.differing_fields(observed)
        if "trust" in changed:
            self.iam.update_assume_role_policy(RoleName=desired.name, PolicyDocument=desired.trust)
        if observed.boundary != desired.boundary:
            if desired.boundary:
                self.iam.put_role_permissions_boundary(
                    RoleName=desired.name, PermissionsBoundary=desired.boundary
                )
            else:
                self.iam.delete_role_permissions_boundary(RoleName=desired.name)
        if "policy" in changed:
            self._put_policy(desired)
        self._remove_policies(observed, keep=desired)
        self._add_policies(desired, has=observed)
        to_set, to_remove = changed_tags(observed.tags, desired.tags)
        if to_set:
            self.iam.tag_role(RoleName=desired.name, Tags=_to_tag_list(to_set))
        if to_remove:
            self.iam.untag_role(RoleName=desired.name, TagKeys=to_remove)

    def delete(self, resource: Role) -> None:
        """Delete the role after its policies: IAM refuses to delete a role that has any."""
        not_found = self.iam.exceptions.NoSuchEntityException
        self._remove_policies(resource, keep=Role(name=resource.name))
        with contextlib.suppress(not_found):
            self.iam.delete_role_policy(RoleName=resource.name, PolicyName=_POLICY_NAME)
        with contextlib.suppress(not_found):
            self.iam.delete_role(RoleName=resource.name)

    def _remove_policies(self, role: Role, keep: Role) -> None:
        not_found = self.iam.exceptions.NoSuchEntityException
        for arn in sorted({*role.managed_policies} - {*keep.managed_policies}):
            with contextlib.suppress(not_found):
                self.iam.detach_role_policy(RoleName=role.name, PolicyArn=arn)
        for name in sorted(dict(role.other_policies).keys() - dict(keep.other_policies)):
            with contextlib.suppress(not_found):
                self.iam.delete_role_policy(RoleName=role.name, PolicyName=name)

    def _add_policies(self, role: Role, has: Role) -> None:
        for arn in sorted({*role.managed_policies} - {*has.managed_policies}):
            self.iam.attach_role_policy(RoleName=role.name, PolicyArn=arn)
        for name, document in sorted({*role.other_policies} - {*has.other_policies}):
            self.iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=document)

    def _read_policy(self, role: str, name: str) -> str:
        try:
            response = self.iam.get_role_policy(RoleName=role, PolicyName=name)
        except self.iam.exceptions.NoSuchEntityException:
            return ""
        return _to_json(response["PolicyDocument"])

    def _list_managed_policies(self, role: str) -> tuple[str, ...]:
        try:
            policies = self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        except self.iam.exceptions.NoSuchEntityException:
            return ()
        return tuple(sorted(policy.get("PolicyArn", "") for policy in policies))

    def _read_other_policies(self, role: str) -> Pairs:
        try:
            policy_names = self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        except self.iam.exceptions.NoSuchEntityException:
            return ()
        others = sorted(name for name in policy_names if name != _POLICY_NAME)
        return tuple((name, self._read_policy(role, name)) for name in others)

    def _put_policy(self, resource: Role) -> None:
        self.iam.put_role_policy(
            RoleName=resource.name, PolicyName=_POLICY_NAME, PolicyDocument=resource.policy
        )


def _to_tag_list(tags: Mapping[str, str]) -> list[TagTypeDef]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _to_json(document: object) -> str:
    """Return a document of IAM's answer; the SDK leaves it URL-encoded if it cannot parse it."""
    if not isinstance(document, str):
        return canonical_json(document)
    return unquote(document) if document.startswith("%") else document


@dataclass(frozen=True, slots=True)
class InstanceProfileHandler:
    """Handles instance profiles, each with one role."""

    iam: IAMClient

    def read(self, resource: InstanceProfile) -> InstanceProfile | None:
        try:
            response = self.iam.get_instance_profile(InstanceProfileName=resource.name)
        except self.iam.exceptions.NoSuchEntityException:
            return None
        roles = [role["RoleName"] for role in response["InstanceProfile"]["Roles"]]
        return InstanceProfile(name=resource.name, role=roles[0] if roles else "")

    def create(self, resource: InstanceProfile) -> None:
        existing: InstanceProfile | None = InstanceProfile(name=resource.name)
        try:
            self.iam.create_instance_profile(
                InstanceProfileName=resource.name, Path=names.ROLE_PATH
            )
        except self.iam.exceptions.EntityAlreadyExistsException:
            existing = self.read(resource)
        if existing is not None and existing.role != resource.role:
            self.update(existing, resource)

    def update(self, observed: InstanceProfile, desired: InstanceProfile) -> None:
        if observed.role:
            self.iam.remove_role_from_instance_profile(
                InstanceProfileName=desired.name, RoleName=observed.role
            )
        if desired.role:
            self.iam.add_role_to_instance_profile(
                InstanceProfileName=desired.name, RoleName=desired.role
            )

    def delete(self, resource: InstanceProfile) -> None:
        existing = self.read(resource)
        if existing is None:
            return
        if existing.role:
            self.iam.remove_role_from_instance_profile(
                InstanceProfileName=resource.name, RoleName=existing.role
            )
        self.iam.delete_instance_profile(InstanceProfileName=resource.name)
