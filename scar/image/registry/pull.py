"""Pulls base images from registries: the documents at once, the layers when they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from scar.image.errors import ImageError, ImageNotFoundError, RegistryError
from scar.image.formats.base_image import (
    BaseImage,
    build_base_image,
    check_platform,
    reject_foreign_layer,
)
from scar.image.formats.decompression import Compression
from scar.image.formats.layer import ImageLayer
from scar.image.formats.layouts import format_platform, list_descriptors, matches_platform
from scar.image.formats.manifest import (
    INDEX_MEDIA_TYPES,
    MANIFEST_MEDIA_TYPES,
    JsonObject,
    expect_list,
    expect_object,
    expect_size,
    expect_text,
    expect_texts,
    parse_json,
)
from scar.image.formats.recompression import recompress_to_gzip
from scar.image.formats.reference import parse_reference
from scar.image.registry.repository import MAX_MANIFEST_SIZE, RepositoryClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.image.formats.blobs import Blob, BlobCache
    from scar.image.formats.reference import ImageReference
    from scar.image.registry.credentials import Login
    from scar.image.registry.deadlines import TransferLimits

MAX_INDEX_DEPTH = 4  # indexes within indexes
# Registries return 401 or 403 for repositories that do not exist, so as not to reveal which do.
_NOT_FOUND_STATUSES = frozenset({401, 403, 404})


class LoginProvider(Protocol):
    """A source of logins to registries."""

    def login(self, registry: str) -> Login | None:
        """Return the login to a registry, None if there is none."""


@dataclass(slots=True)
class RegistryImageSource:
    """All registries as a source of images; a context manager.

    Layers of the images are read through its connections, so close it after the push.
    """

    logins: LoginProvider
    sleep: Callable[[float], None] | None = None
    limits: TransferLimits | None = None
    endpoint: str = "the registry"
    _open_repositories: list[RepositoryClient] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open_repositories:
            self._open_repositories.pop().__exit__()

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        """Return the image, with its documents downloaded and validated.

        ``architecture`` is ``amd64`` or ``arm64``. Raise ImageNotFoundError if the registry does
        not have the image or denies access, RegistryError if the registry cannot be reached,
        ImageError if the image cannot be used.
        """
        reference = parse_reference(name)
        repository = self._connect_repository(reference)
        try:
            return ImagePull(repository, name, architecture, cache).read_image(reference.version)
        except RegistryError as error:
            if error.status not in _NOT_FOUND_STATUSES:
                raise
            raise ImageNotFoundError(
                f"{reference.registry} does not have the image {reference.repository}, or denies"
                f" access to it: {error.problem}.",
                remedy=f"Check its name; if it is private, `docker login {reference.registry}`.",
            ) from error

    def _connect_repository(self, reference: ImageReference) -> RepositoryClient:
        login = self.logins.login(reference.registry)
        options = {"sleep": self.sleep} if self.sleep else {}
        client = RepositoryClient(
            reference.endpoint,
            reference.repository,
            login,
            push=False,
            limits=self.limits,
            **options,
        )
        self._open_repositories.append(client)
        return client


@dataclass(frozen=True, slots=True)
class ImagePull:
    """Pulls one image from one repository."""

    repository: RepositoryClient
    name: str
    architecture: str
    cache: BlobCache

    def read_image(self, version: str, depth: int = 0) -> BaseImage:
        """Return the image of this tag or digest; raise RegistryError or ImageError."""
        data, media_type = self.repository.get_manifest(version)
        document = expect_object(parse_json(data, "manifest"), "manifest")
        media_type = expect_text(document.get("mediaType"), "manifest") or media_type
        if media_type in INDEX_MEDIA_TYPES or "manifests" in document:
            return self._select_platform(list_descriptors(document), depth)
        if media_type not in MANIFEST_MEDIA_TYPES or document.get("schemaVersion") == 1:
            raise ImageError(
                f"The image {self.name} has an unsupported manifest: {media_type or 'no type'}"
                f" (schema {document.get('schemaVersion')}).",
                remedy="Pull it with a current Docker and push it again.",
            )
        return self._read_manifest(document)

    def _select_platform(self, entries: list[JsonObject], depth: int) -> BaseImage:
        for entry in entries:
            if depth < MAX_INDEX_DEPTH and matches_platform(entry, self.architecture):
                return self.read_image(expect_text(entry.get("digest"), "index"), depth + 1)
        # BuildKit lists attestations (provenance, SBOM) as platform unknown/unknown.
        platforms = sorted({format_platform(e) for e in entries} - {"unknown/unknown", "/"})
        raise ImageError(
            f"The image {self.name} has no manifest for linux/{self.architecture},"
            f" only for {', '.join(platforms) or 'no platform'}.",
            remedy="Set lambda.architecture to one that the image has, or choose another image.",
        )

    def _read_manifest(self, manifest: JsonObject) -> BaseImage:
        config = self._read_config(expect_object(manifest.get("config"), "manifest"))
        label = f"configuration ({self.name})"
        document = expect_object(parse_json(config, label), label)
        check_platform(self.name, document, self.architecture)
        diff_ids = expect_texts(
            expect_object(document.get("rootfs") or {}, label).get("diff_ids"), label
        )
        descriptors = [
            expect_object(item, "manifest")
            for item in expect_list(manifest.get("layers"), "manifest")
        ]
        if len(descriptors) != len(diff_ids):
            raise ImageError(
                f"The image {self.name} has {len(descriptors)} layers, but {len(diff_ids)} diff"
                " IDs.",
                remedy="It is corrupt or not a container image; build and push it again.",
            )
        layers = tuple(map(self._prepare_layer, descriptors, diff_ids))
        return build_base_image(self.name, config, layers, self.architecture)

    def _read_config(self, descriptor: JsonObject) -> bytes:
        blob = self._remote_blob(descriptor)
        if blob.size > MAX_MANIFEST_SIZE:
            raise ImageError(
                f"The configuration of {self.name} has {blob.size:,} bytes.",
                remedy=f"The limit is {MAX_MANIFEST_SIZE:,} bytes: use another image.",
            )
        with blob.open() as file:
            return file.read()

    def _prepare_layer(self, descriptor: JsonObject, diff_id: str) -> ImageLayer:
        media_type = expect_text(descriptor.get("mediaType"), "manifest")
        reject_foreign_layer(self.name, media_type)
        blob = self._remote_blob(descriptor)
        # A gzip layer is not downloaded here: its diff ID is in the configuration, and its content
        # is checked against its digest when it is read.
        if media_type.endswith("gzip"):
            return ImageLayer(blob=blob, diff_id=diff_id)
        if media_type.endswith(("zstd", ".tar")):
            compression = Compression.ZSTD if media_type.endswith("zstd") else Compression.NONE
            return recompress_to_gzip(
                blob, diff_id=diff_id, compression=compression, cache=self.cache
            )
        raise ImageError(
            f"The image {self.name} has a layer of an unsupported type: {media_type or 'no type'}.",
            remedy="Check that it is a container image and not another OCI artifact.",
        )

    def _remote_blob(self, descriptor: JsonObject) -> Blob:
        digest = expect_text(descriptor.get("digest"), "manifest")
        return self.repository.remote_blob(digest, expect_size(descriptor.get("size"), "manifest"))
