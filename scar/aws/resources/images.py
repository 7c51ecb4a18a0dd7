"""Repositories and the images in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.resources.base import Key, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository(Resource):
    """The function's own container repository; ``policy`` lets Lambda pull from it."""

    kind: ClassVar[str] = "repository"

    policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Resource):
    """One image, by digest, in the repository called ``name``."""

    kind: ClassVar[str] = "image"

    digest: str = ""

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(Repository.kind, self.name)})
