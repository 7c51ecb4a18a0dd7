"""Repositories and the images in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.model import names
from scar.aws.model.resources.base import Key, Pairs, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository(Resource):
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
class Image(Resource):
    """One image, by digest, in the repository called ``name``."""

    kind: ClassVar[str] = "image"

    digest: str = ""

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(Repository.kind, self.name)})


@dataclass(frozen=True, slots=True, kw_only=True)
class OldImage(Resource):
    """An image that was composed for a former deployment; ``name`` is ``repository@digest``."""

    kind: ClassVar[str] = "old-image"

    @property
    def repository(self) -> str:
        return self.name.partition("@")[0]

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(OldRepository.kind, self.repository)})

    @property
    def digest(self) -> str:
        return self.name.partition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRepository(Resource):
    """A function's repository under a former prefix, whose last images go."""

    kind: ClassVar[str] = "old-repository"
