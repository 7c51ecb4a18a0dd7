"""Repositories and the images in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.model import names
from scar.aws.model.resources.base import Pairs, Resource, ResourceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrRepository(Resource):
    """The function's own container repository.

    ``policy`` lets Lambda pull from it, ``lifecycle`` expires leftovers.
    """

    kind: ClassVar[str] = "repository"

    policy: str = ""
    lifecycle: str = ""
    scan_on_push: bool = False
    tags: Pairs = ()

    @property
    def is_kept(self) -> bool:
        """Whether it outlives its function."""
        return dict(self.tags).get(names.KEEP_TAG) == "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrImage(Resource):
    """One image, by digest, in the repository called ``name``."""

    kind: ClassVar[str] = "image"

    digest: str = ""

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset({ResourceKey(EcrRepository.kind, self.name)})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedImage(Resource):
    """An image that was composed for a former deployment; ``name`` is ``repository@digest``."""

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
    """A function's repository under a former prefix, whose last images go."""

    kind: ClassVar[str] = "old-repository"
