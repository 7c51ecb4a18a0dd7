"""The composed image, ready to be pushed or saved as an archive."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.image.formats.blobs import Blob
from scar.image.formats.manifest import OCI_MANIFEST, Json, JsonObject, dump_json
from scar.image.formats.reference import parse_reference

if TYPE_CHECKING:
    from pathlib import Path

    from scar.image.formats.layer import ImageLayer


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedImage:
    """A single-platform image: manifest and configuration as bytes, layers as blobs."""

    manifest: Blob
    config: Blob
    layers: tuple[ImageLayer, ...]
    media_type: str = OCI_MANIFEST

    @property
    def digest(self) -> str:
        """The manifest's digest, as in ``<repository>@sha256:…``."""
        return self.manifest.digest

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """The blobs that a registry must have before the manifest: layers base first, once each."""
        blobs = [*(item.blob for item in self.layers), self.config]
        return tuple({blob.digest: blob for blob in blobs}.values())

    def save(self, path: Path, name: str = "") -> None:
        """Write a tar file for ``docker load`` and OCI tools, atomically.

        Raise OSError, or ImageError if a layer cannot be read or ``name`` is invalid.
        """
        indexes = self._index_documents(name)
        partial = path.with_name(f".{path.name}.partial")
        try:
            with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
                for blob in (*self.blobs, self.manifest):
                    _add_blob(archive, _blob_path(blob.digest), blob)
                for file, document in indexes.items():
                    _add_blob(archive, file, Blob.from_bytes(dump_json(document)))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _index_documents(self, name: str) -> dict[str, Json]:
        # Both an OCI layout and Docker's manifest.json, over the same blobs: old versions of
        # `docker load` do not read OCI layouts.
        entry: JsonObject = blob_descriptor(OCI_MANIFEST, self.manifest)
        if name:
            reference = parse_reference(name)
            entry["annotations"] = {
                "io.containerd.image.name": str(reference),
                "org.opencontainers.image.ref.name": reference.tag,
            }
        docker: JsonObject = {
            "Config": _blob_path(self.config.digest),
            "RepoTags": [name] if name else [],
            "Layers": [_blob_path(item.blob.digest) for item in self.layers],
        }
        return {
            "index.json": {"schemaVersion": 2, "manifests": [entry]},
            "manifest.json": [docker],
            "oci-layout": {"imageLayoutVersion": "1.0.0"},
        }


def blob_descriptor(media_type: str, blob: Blob) -> JsonObject:
    """Return the OCI descriptor of a blob: media type, digest and size in bytes."""
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add_blob(archive: tarfile.TarFile, name: str, blob: Blob) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = blob.size, 0o644
    with blob.open() as file:
        archive.addfile(info, file)
