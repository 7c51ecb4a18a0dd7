"""ECR repositories, and the images in them."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client.errors import UnmanagedResourceError
from scar.aws.client.recent_changes import RecentChanges
from scar.aws.compile.policies import canonical_json, merge_policy, own_policy
from scar.aws.model import names
from scar.aws.model.resources import EcrImage, EcrRepository, SupersededRepository, UnusedImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import RepositoryTypeDef, TagTypeDef

    from scar.aws.handlers.image_store import ImagePusher
    from scar.aws.model.resources import Pairs


@dataclass(frozen=True, slots=True)
class EcrRepositoryHandler:
    """Repositories with scar's tag. Tags are added and changed, never removed."""

    ecr: ECRClient

    def read(self, resource: EcrRepository) -> EcrRepository | None:
        """Read the repository; raise UnmanagedResourceError if it does not have scar's tag."""
        try:
            response = self.ecr.describe_repositories(repositoryNames=[resource.name])
        except self.ecr.exceptions.RepositoryNotFoundException:
            return None
        (described,) = response["repositories"]
        return self.read_described(resource, described)

    def read_described(
        self, resource: EcrRepository, described: RepositoryTypeDef
    ) -> EcrRepository:
        """Read what DescribeRepositories does not return; raise as ``read``."""
        with ThreadPoolExecutor(3) as pool:
            policy = pool.submit(self._read_policy, resource.name)
            lifecycle = pool.submit(self._read_lifecycle, resource.name)
            tags = self._read_tags(described.get("repositoryArn", ""))
            _require_managed(resource.name, tags)
            desired_tags = {name for name, _ in resource.tags}
            return EcrRepository(
                name=resource.name,
                policy=own_policy(policy.result(), resource.policy),
                lifecycle=lifecycle.result(),
                scan_on_push=described.get("imageScanningConfiguration", {}).get(
                    "scanOnPush", False
                ),
                tags=tuple((k, v) for k, v in tags if k in desired_tags or k.startswith("scar:")),
            )

    def create(self, resource: EcrRepository) -> None:
        is_new = False
        with contextlib.suppress(self.ecr.exceptions.RepositoryAlreadyExistsException):
            self.ecr.create_repository(
                repositoryName=resource.name,
                tags=_to_tag_list(resource.tags),
                imageScanningConfiguration={"scanOnPush": resource.scan_on_push},
            )
            is_new = True
        self._put_policies(EcrRepository(name=resource.name), resource, is_new=is_new)

    def update(self, observed: EcrRepository, desired: EcrRepository) -> None:
        if observed.scan_on_push != desired.scan_on_push:
            self.ecr.put_image_scanning_configuration(
                repositoryName=desired.name,
                imageScanningConfiguration={"scanOnPush": desired.scan_on_push},
            )
        if observed.tags != desired.tags:
            response = self.ecr.describe_repositories(repositoryNames=[desired.name])
            arn = response["repositories"][0]["repositoryArn"]
            self.ecr.tag_resource(resourceArn=arn, tags=_to_tag_list(desired.tags))
        self._put_policies(observed, desired)

    def delete(self, resource: EcrRepository) -> None:
        with contextlib.suppress(self.ecr.exceptions.RepositoryNotFoundException):
            self.ecr.delete_repository(repositoryName=resource.name, force=True)

    def _put_policies(
        self, observed: EcrRepository, desired: EcrRepository, *, is_new: bool = False
    ) -> None:
        name = desired.name
        steps: list[Callable[[], object]] = []
        if desired.policy and "policy" in desired.differing_fields(observed):
            steps.append(lambda: self._replace_own_policy(name, desired.policy, is_new=is_new))
        if desired.lifecycle and desired.lifecycle != observed.lifecycle:
            steps.append(
                lambda: self.ecr.put_lifecycle_policy(
                    repositoryName=name, lifecyclePolicyText=desired.lifecycle
                )
            )
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda step: step(), steps))

    def _read_policy(self, name: str) -> str:
        try:
            text = self.ecr.get_repository_policy(repositoryName=name)["policyText"]
        except self.ecr.exceptions.RepositoryPolicyNotFoundException:
            return ""
        return text

    def _replace_own_policy(self, name: str, policy: str, *, is_new: bool) -> None:
        """Set scar's statements, and keep those of others: the request replaces the policy.

        A new repository has no other statements.
        """
        merged = merge_policy("" if is_new else self._read_policy(name), policy)
        self.ecr.set_repository_policy(repositoryName=name, policyText=merged)

    def _read_lifecycle(self, name: str) -> str:
        try:
            text = self.ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
        except self.ecr.exceptions.LifecyclePolicyNotFoundException:
            return ""
        return canonical_json(json.loads(text))

    def _read_tags(self, arn: str) -> Pairs:
        tags = self.ecr.list_tags_for_resource(resourceArn=arn)["tags"]
        return tuple(sorted((tag["Key"], tag.get("Value", "")) for tag in tags))


@dataclass(frozen=True, slots=True)
class EcrImageHandler:
    """Images are named by their digest: they exist or are pushed, and never change.

    ``delete`` does nothing, since queued jobs may still need the image. It is deleted as an
    ``UnusedImage`` once nothing uses it, or with its repository.
    """

    pusher: ImagePusher
    check: Callable[[], None]
    recent_changes: RecentChanges = field(default_factory=RecentChanges)

    def read(self, resource: EcrImage) -> EcrImage | None:
        return resource if self.pusher.holds(resource.name, resource.digest) else None

    def create(self, resource: EcrImage) -> None:
        self.pusher.push(resource.name, resource.digest, self.check)
        # Lambda may not be able to read the new image yet. Pushes are no calls of an SDK client,
        # which would have recorded it.
        self.recent_changes.record(EcrRepository.kind, resource.name)

    def update(self, observed: EcrImage, desired: EcrImage) -> None:
        del observed
        self.create(desired)

    def delete(self, resource: EcrImage) -> None:
        del resource


@dataclass(frozen=True, slots=True)
class UnusedImageHandler:
    """Deletes unused images; ``is_in_use`` checks again right before the deletion."""

    ecr: ECRClient
    is_in_use: Callable[[UnusedImage], bool]

    def read(self, resource: UnusedImage) -> UnusedImage | None:
        """Return None: unused images are found by listing."""
        del resource
        return None

    def create(self, resource: UnusedImage) -> None:
        raise AssertionError(resource)

    def update(self, observed: UnusedImage, desired: UnusedImage) -> None:
        raise AssertionError(observed, desired)

    def delete(self, resource: UnusedImage) -> None:
        """Delete the image, unless something uses it again since the plan was made."""
        if self.is_in_use(resource):
            return
        with contextlib.suppress(self.ecr.exceptions.RepositoryNotFoundException):
            self.ecr.batch_delete_image(
                repositoryName=resource.repository, imageIds=[{"imageDigest": resource.digest}]
            )


@dataclass(frozen=True, slots=True)
class SupersededRepositoryHandler:
    """Deletes empty repositories; one with an image that is in use after all stays."""

    ecr: ECRClient

    def read(self, resource: SupersededRepository) -> SupersededRepository | None:
        """Return None: superseded repositories are found by listing."""
        del resource
        return None

    def create(self, resource: SupersededRepository) -> None:
        raise AssertionError(resource)

    def update(self, observed: SupersededRepository, desired: SupersededRepository) -> None:
        raise AssertionError(observed, desired)

    def delete(self, resource: SupersededRepository) -> None:
        not_found = self.ecr.exceptions.RepositoryNotFoundException
        with contextlib.suppress(not_found, self.ecr.exceptions.RepositoryNotEmptyException):
            self.ecr.delete_repository(repositoryName=resource.name)


def _require_managed(name: str, tags: Pairs) -> None:
    if names.FUNCTION_TAG not in dict(tags):
        raise UnmanagedResourceError(
            f"The ECR repository {name} exists and is not managed by scar.",
            remedy="Set another ecr.prefix in the FDL, or tag the repository"
            f" {names.FUNCTION_TAG}=<function's name>.",
        )


def _to_tag_list(tags: Pairs) -> list[TagTypeDef]:
    return [{"Key": name, "Value": value} for name, value in tags]
