"""Builds base images from file trees, without a container engine: for the demo and for tests."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

from scar.image.formats.blobs import Blob
from scar.image.formats.composed_image import ComposedImage, blob_descriptor
from scar.image.formats.layer import LayerEntry, build_layer, build_tar
from scar.image.formats.manifest import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Json,
    JsonObject,
    dump_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from supervisor.model import ImageDefaults


def build_image(
    layers: Sequence[Mapping[str, LayerEntry]], run: ImageDefaults, architecture: str = "amd64"
) -> ComposedImage:
    """Return an image with one layer per tree, base first; the same input gives the same digest."""
    built = tuple(build_layer(tree) for tree in layers)
    config = Blob.from_bytes(
        dump_json(image_config([item.diff_id for item in built], run, architecture))
    )
    manifest: JsonObject = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob_descriptor(OCI_CONFIG, config),
        "layers": [blob_descriptor(OCI_LAYER, item.blob) for item in built],
    }
    return ComposedImage(manifest=Blob.from_bytes(dump_json(manifest)), config=config, layers=built)


def write_docker_archive(
    path: Path,
    name: str,
    layers: Sequence[Mapping[str, LayerEntry]],
    run: ImageDefaults,
    architecture: str = "amd64",
) -> None:
    """Write the image as old versions of ``docker save`` do: uncompressed layers, manifest.json."""
    tars = [Blob.from_bytes(build_tar(tree)) for tree in layers]
    # The digest of an uncompressed layer is its diff ID.
    config = Blob.from_bytes(
        dump_json(image_config([item.digest for item in tars], run, architecture))
    )
    names = [f"{item.digest.removeprefix('sha256:')}/layer.tar" for item in tars]
    config_name = f"{config.digest.removeprefix('sha256:')}.json"
    index = [{"Config": config_name, "RepoTags": [name], "Layers": names}]
    files = dict(zip(names, tars, strict=True)) | {
        config_name: config,
        "manifest.json": Blob.from_bytes(json.dumps(index).encode()),
    }
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for file, blob in files.items():
            info = tarfile.TarInfo(file)
            info.size = blob.size
            with blob.open() as data:
                archive.addfile(info, data)


def image_config(diff_ids: Sequence[str], run: ImageDefaults, architecture: str) -> JsonObject:
    """Return an OCI image configuration for these layers; all times are the epoch."""
    layers: list[Json] = list(diff_ids)
    environment: list[Json] = [f"{name}={value}" for name, value in run.environment.items()]
    section: JsonObject = {
        "Entrypoint": list(run.entrypoint) or None,
        "Cmd": list(run.command) or None,
        "Env": environment,
        "User": run.user,
        "WorkingDir": run.workdir,
    }
    return {
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": section,
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "scar"} for _ in diff_ids],
    }
