"""What the container engines read: an image of the local registry by its URI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.image.errors import ImageError, ImageNotFound
from scar.image.formats.manifest import Json, Object, a_list, a_text, an_object, parse, texts
from scar.local.engines.port import Layer, LocalImage

if TYPE_CHECKING:
    from scar.local.registry.store import RegistryStore


class ImageStore:
    """Finds images by ``<host>/<repository>@sha256:…``, ``<host>/<repository>:<tag>``."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store

    def resolve(self, image_uri: str) -> LocalImage:
        """Return the image; raise ImageNotFound naming it if it was never pushed."""
        repository, reference = split(image_uri)
        digest = self._store.digest(repository, reference)
        if digest is None:
            there = self._store.knows(repository)
            raise ImageNotFound(
                f"The image {image_uri} is not in the local registry: "
                + (f"{repository} has no {reference}." if there else f"no {repository}."),
                remedy="Run `scar init` for the function again.",
            )
        manifest = an_object(parse(self._store.manifest(repository, digest), "manifest"), image_uri)
        if "config" not in manifest:
            raise ImageError(
                f"The image {image_uri} is an index of several images.",
                remedy="Lambda takes single-platform images only: push one of them.",
            )
        return self._image(image_uri, digest, manifest)

    def _image(self, image_uri: str, digest: str, manifest: Object) -> LocalImage:
        config_digest = _digest_of(manifest["config"])
        path = self._store.blob_path(config_digest)
        config = an_object(parse(path.read_bytes(), "configuration"), image_uri)
        run = an_object(config.get("config") or {}, image_uri)
        rootfs = an_object(config.get("rootfs"), image_uri)
        digests = [_digest_of(item) for item in a_list(manifest.get("layers"), image_uri)]
        diff_ids = texts(rootfs.get("diff_ids"), image_uri)
        if len(digests) != len(diff_ids):
            raise ImageError(
                f"The image {image_uri} has {len(digests)} layers but lists {len(diff_ids)}.",
                remedy="Push the image again.",
            )
        pairs = (item.partition("=") for item in texts(run.get("Env"), image_uri))
        return LocalImage(
            reference=image_uri,
            digest=digest,
            config_digest=config_digest,
            config=path,
            layers=tuple(
                Layer(path=self._store.blob_path(blob), digest=blob, diff_id=diff_id)
                for blob, diff_id in zip(digests, diff_ids, strict=True)
            ),
            entrypoint=texts(run.get("Entrypoint"), image_uri),
            environment={name: value for name, _, value in pairs},
        )


def split(image_uri: str) -> tuple[str, str]:
    """Split a URI into repository, without the host, and tag or digest (default ``latest``)."""
    name, _, digest = image_uri.partition("@")
    host, slash, path = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        name = path
    repository, colon, tag = name.rpartition(":")
    if not colon:
        repository, tag = name, "latest"
    return repository, digest or tag


def _digest_of(descriptor: Json) -> str:
    return a_text(an_object(descriptor, "manifest").get("digest"), "digest")
