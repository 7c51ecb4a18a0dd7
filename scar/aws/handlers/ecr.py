"""The function's container repository and the image in it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scar.aws.policies import canonical
from scar.aws.resources import Image, Repository

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient


class ImageStore(Protocol):
    """Where composed images are pushed to."""

    def holds(self, repository: str, digest: str) -> bool:
        """Say whether the repository has this manifest."""

    def push(self, repository: str, digest: str) -> None:
        """Push the composed image of that digest; raise ScarError if that fails."""


@dataclass(frozen=True, slots=True)
class RepositoryHandler:
    ecr: ECRClient

    def read(self, resource: Repository) -> Repository | None:
        try:
            self.ecr.describe_repositories(repositoryNames=[resource.name])
        except self.ecr.exceptions.RepositoryNotFoundException:
            return None
        try:
            found = self.ecr.get_repository_policy(repositoryName=resource.name)
        except self.ecr.exceptions.RepositoryPolicyNotFoundException:
            return Repository(name=resource.name)
        return Repository(name=resource.name, policy=canonical(json.loads(found["policyText"])))

    def create(self, resource: Repository) -> None:
        with contextlib.suppress(self.ecr.exceptions.RepositoryAlreadyExistsException):
            self.ecr.create_repository(repositoryName=resource.name)
        self._allow(resource)

    def update(self, observed: Repository, desired: Repository) -> None:
        del observed
        self._allow(desired)

    def delete(self, resource: Repository) -> None:
        with contextlib.suppress(self.ecr.exceptions.RepositoryNotFoundException):
            self.ecr.delete_repository(repositoryName=resource.name, force=True)

    def _allow(self, resource: Repository) -> None:
        if resource.policy:
            self.ecr.set_repository_policy(repositoryName=resource.name, policyText=resource.policy)


@dataclass(frozen=True, slots=True)
class ImageHandler:
    """Images are named by their content: they are pushed or there, never changed.

    An image that is not wanted any more stays, since jobs that still wait may need it; it
    goes with its repository.
    """

    store: ImageStore

    def read(self, resource: Image) -> Image | None:
        return resource if self.store.holds(resource.name, resource.digest) else None

    def create(self, resource: Image) -> None:
        self.store.push(resource.name, resource.digest)

    def update(self, observed: Image, desired: Image) -> None:
        del observed
        self.create(desired)

    def delete(self, resource: Image) -> None:
        del resource
