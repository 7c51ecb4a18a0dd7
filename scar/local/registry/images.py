"""Lookup of an image in the local registry by its URI, for the container engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.image.errors import ImageError, ImageNotFoundError
from scar.image.formats.manifest import (
    Json,
    JsonObject,
    expect_list,
    expect_object,
    expect_text,
    expect_texts,
    parse_json,
)
from scar.local.engines.port import LocalImage, LocalLayer
from scar.local.state.regular_files import read_regular

if TYPE_CHECKING:
    from scar.local.registry.store import RegistryStore

CONFIG_LIMIT = 16 << 20  # bytes; configurations have some kilobytes


class RegistryImageResolver:
    """Resolves ``<host>/<repository>@sha256:…`` and ``<host>/<repository>:<tag>``.

    The host is ignored: functions carry the name of ECR's registry in AWS.
    """

    def __init__(self, store: RegistryStore) -> None:
        self._store = store

    def resolve(self, image_uri: str) -> LocalImage:
        """Return the image; raise ImageNotFoundError if it was not pushed.

        Raise ImageError if it is an index, or if its manifest is invalid.
        """
        repository, reference = split_image_uri(image_uri)
        digest = self._store.find_digest(repository, reference)
        if digest is None:
            reason = (
                f"the repository {repository} has no image {reference}"
                if self._store.has_repository(repository)
                else f"nothing was pushed to the repository {repository}"
            )
            raise ImageNotFoundError(
                f"The image {image_uri} is not in the local registry: {reason}.",
                remedy="Run `scar init` for the function again.",
            )
        manifest = expect_object(
            parse_json(self._store.read_manifest(repository, digest), "manifest"), image_uri
        )
        if "config" not in manifest:
            raise ImageError(
                f"The image {image_uri} is an index of several images.",
                remedy="Lambda supports single-platform images only: push one of them.",
            )
        return self._load_image(image_uri, digest, manifest)

    def _load_image(self, image_uri: str, digest: str, manifest: JsonObject) -> LocalImage:
        config_digest = _descriptor_digest(manifest["config"])
        for descriptor in (manifest["config"], *expect_list(manifest.get("layers"), image_uri)):
            self._check_blob(image_uri, descriptor)
        path = self._store.blob_path(config_digest)
        config = expect_object(
            parse_json(read_regular(path, CONFIG_LIMIT), "configuration"), image_uri
        )
        run_config = expect_object(config.get("config") or {}, image_uri)
        rootfs = expect_object(config.get("rootfs"), image_uri)
        digests = [
            _descriptor_digest(item) for item in expect_list(manifest.get("layers"), image_uri)
        ]
        diff_ids = expect_texts(rootfs.get("diff_ids"), image_uri)
        if len(digests) != len(diff_ids):
            raise ImageError(
                f"The image {image_uri} has {len(digests)} layers in its manifest but"
                f" {len(diff_ids)} in its configuration.",
                remedy="Push the image again.",
            )
        pairs = (item.partition("=") for item in expect_texts(run_config.get("Env"), image_uri))
        return LocalImage(
            reference=image_uri,
            digest=digest,
            config_digest=config_digest,
            config=path,
            layers=tuple(
                LocalLayer(path=self._store.blob_path(blob), digest=blob, diff_id=diff_id)
                for blob, diff_id in zip(digests, diff_ids, strict=True)
            ),
            entrypoint=expect_texts(run_config.get("Entrypoint"), image_uri),
            environment={name: value for name, _, value in pairs},
        )

    def _check_blob(self, image_uri: str, descriptor: Json) -> None:
        """Raise ImageError if another program has removed or cut the file of a blob."""
        path = self._store.blob_path(_descriptor_digest(descriptor))
        size = expect_object(descriptor, image_uri).get("size")
        found = path.stat().st_size if path.is_file() else None
        if found is None or (isinstance(size, int) and found != size):
            state = "missing" if found is None else f"damaged: {found} bytes instead of {size}"
            # A push uploads only what is missing.
            self._store.set_blob_aside(path)
            raise ImageError(
                f"The image {image_uri} cannot be used: the file {path} is {state}.",
                remedy="Restore the file from a backup, or run `scar rm` and `scar init` for the"
                " function again: that pushes the image again.",
            )


def split_image_uri(image_uri: str) -> tuple[str, str]:
    """Return the repository, without the host, and the digest or tag (default ``latest``)."""
    # A first component with "." or ":" is a host, as for Docker; "a/b" is a repository.
    name, _, digest = image_uri.partition("@")
    host, slash, path = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        name = path
    repository, colon, tag = name.rpartition(":")
    if not colon:
        repository, tag = name, "latest"
    return repository, digest or tag


def _descriptor_digest(descriptor: Json) -> str:
    return expect_text(expect_object(descriptor, "manifest").get("digest"), "digest")
