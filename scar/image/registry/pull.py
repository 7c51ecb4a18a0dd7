"""Base images from registries: their documents at once, their layers when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from scar.image.errors import ImageError, ImageNotFound, RegistryError
from scar.image.formats import reference
from scar.image.formats.base_image import BaseImage, base_image, check_platform, refuse_foreign
from scar.image.formats.layer import ImageLayer
from scar.image.formats.layouts import descriptors, platform_of, runs_on
from scar.image.formats.manifest import (
    INDEXES,
    MANIFESTS,
    Object,
    a_count,
    a_list,
    a_text,
    an_object,
    parse,
    texts,
)
from scar.image.formats.recompression import to_gzip
from scar.image.registry.repository import LARGEST_MANIFEST, Repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.image.formats.blobs import Blob, BlobCache
    from scar.image.formats.reference import Reference
    from scar.image.registry.credentials import Login

DEPTH = 4  # indexes within indexes
_GONE = frozenset({401, 403, 404})


class Logins(Protocol):
    """Where logins to registries are found."""

    def login(self, registry: str) -> Login | None:
        """Return the login to a registry, None if there is none."""


@dataclass(slots=True)
class Registries:
    """Every registry there is, as a place for images; close it when all layers were read."""

    logins: Logins
    sleep: Callable[[float], None] | None = None
    endpoint: str = "the registry"
    _open: list[Repository] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._open.pop().__exit__()

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        """Read the image's documents; raise ImageNotFound if the registry has or shows none.

        ``architecture`` is ``amd64`` or ``arm64``. Raise RegistryError if the registry cannot
        be reached, ImageError if the image cannot be used.
        """
        where = reference.parse(name)
        repository = self._repository(where)
        try:
            return Pull(repository, name, architecture, cache).image(where.version)
        except RegistryError as error:
            if error.status not in _GONE:
                raise
            raise ImageNotFound(
                f"{where.registry} has no image {where.repository} to show: {error.problem}.",
                remedy=f"Check its name; if it is private, `docker login {where.registry}`.",
            ) from error

    def _repository(self, where: Reference) -> Repository:
        login = self.logins.login(where.registry)
        more = {"sleep": self.sleep} if self.sleep else {}
        opened = Repository(where.endpoint, where.repository, login, push=False, **more)
        self._open.append(opened)
        return opened


@dataclass(frozen=True, slots=True)
class Pull:
    """One image out of one repository."""

    repository: Repository
    name: str
    architecture: str
    cache: BlobCache

    def image(self, version: str, depth: int = 0) -> BaseImage:
        data, media_type = self.repository.manifest(version)
        document = an_object(parse(data, "manifest"), "manifest")
        media_type = a_text(document.get("mediaType"), "manifest") or media_type
        if media_type in INDEXES or "manifests" in document:
            return self._chosen(descriptors(document), depth)
        if media_type not in MANIFESTS or document.get("schemaVersion") == 1:
            raise ImageError(
                f"The image {self.name} is of a kind that cannot be used: {media_type or '?'}"
                f" (schema {document.get('schemaVersion')}).",
                remedy="Pull it with a current Docker and push it again.",
            )
        return self._read(document)

    def _chosen(self, entries: list[Object], depth: int) -> BaseImage:
        for entry in entries:
            if depth < DEPTH and runs_on(entry, self.architecture):
                return self.image(a_text(entry.get("digest"), "index"), depth + 1)
        offered = sorted({platform_of(e) for e in entries} - {"unknown/unknown", "/"})
        raise ImageError(
            f"The image {self.name} has nothing for linux/{self.architecture},"
            f" only {', '.join(offered) or 'nothing'}.",
            remedy="Set lambda.architecture to what the image has, or choose another image.",
        )

    def _read(self, manifest: Object) -> BaseImage:
        config = self._config(an_object(manifest.get("config"), "manifest"))
        what = f"configuration ({self.name})"
        document = an_object(parse(config, what), what)
        check_platform(self.name, document, self.architecture)
        diff_ids = texts(an_object(document.get("rootfs") or {}, what).get("diff_ids"), what)
        listed = [
            an_object(item, "manifest") for item in a_list(manifest.get("layers"), "manifest")
        ]
        if len(listed) != len(diff_ids):
            raise ImageError(
                f"The image {self.name} has {len(listed)} layers and speaks of {len(diff_ids)}.",
                remedy="It is damaged or no container image; build and push it again.",
            )
        layers = tuple(map(self._layer, listed, diff_ids))
        return base_image(self.name, config, layers, self.architecture)

    def _config(self, descriptor: Object) -> bytes:
        blob = self._blob(descriptor)
        if blob.size > LARGEST_MANIFEST:
            raise ImageError(
                f"The configuration of {self.name} has {blob.size:,} bytes.",
                remedy="No image has one so large; use another.",
            )
        with blob.open() as file:
            return file.read()

    def _layer(self, descriptor: Object, diff_id: str) -> ImageLayer:
        media_type = a_text(descriptor.get("mediaType"), "manifest")
        refuse_foreign(self.name, media_type)
        blob = self._blob(descriptor)
        if media_type.endswith("gzip"):
            return ImageLayer(blob=blob, diff_id=diff_id)
        if media_type.endswith(("zstd", ".tar")):
            zstd = media_type.endswith("zstd")
            return to_gzip(blob, diff_id=diff_id, zstd=zstd, cache=self.cache)
        raise ImageError(
            f"The image {self.name} has a layer of an unknown kind: {media_type or '?'}.",
            remedy="It may be no container image but another artifact.",
        )

    def _blob(self, descriptor: Object) -> Blob:
        digest = a_text(descriptor.get("digest"), "manifest")
        return self.repository.blob(digest, a_count(descriptor.get("size"), "manifest"))
