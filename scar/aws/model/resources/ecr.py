"""ECR repositories and the images in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.model import names
from scar.aws.model.resources.base import Pairs, Resource, ResourceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrRepository(Resource):
    """The ECR repository of one function.

    ``policy`` allows Lambda to pull images, ``lifecycle`` expires untagged ones; both are JSON.
    Statements of the repository's policy that scar did not write are not part of ``policy``.
    """

    kind: ClassVar[str] = "repository"
    policy_fields: ClassVar[frozenset[str]] = frozenset({"policy"})

    policy: str = ""
    lifecycle: str = ""
    scan_on_push: bool = False
    tags: Pairs = ()

    @property
    def is_kept(self) -> bool:
        """Whether the repository is retained when its function is deleted."""
        return dict(self.tags).get(names.KEEP_TAG) == "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrImage(Resource):
    """The image of a function, by digest; ``name`` is the repository's."""

    kind: ClassVar[str] = "image"

    digest: str = ""

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset({ResourceKey(EcrRepository.kind, self.name)})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedImage(Resource):
    """An image of an earlier deployment, to be deleted; ``name`` is ``repository@digest``."""

    kind: ClassVar[str] = "old-image"

    @property
    def repository(self) -> str:
        return self.name.partition("@")[0]

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset({ResourceKey(SupersededRepository.kind, self.repository)})

    @property
    def digest(self) -> str:
        return self.name.partition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededRepository(Resource):
    """A function's repository under an earlier prefix, to be deleted with its last images."""

    kind: ClassVar[str] = "old-repository"
