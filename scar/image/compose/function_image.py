"""Composes the image that Lambda and Batch run: base image, supervisor layer, function layer.

The digest of the result depends on the content alone, not on the time or the host, so equal
digests mean that nothing changed.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scar.image.compose.supervisor_bundle import supervisor_layer
from scar.image.errors import ImageError
from scar.image.formats.blobs import Blob
from scar.image.formats.composed_image import ComposedImage, blob_descriptor
from scar.image.formats.layer import ImageLayer, LayerFile, build_layer
from scar.image.formats.manifest import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Json,
    JsonObject,
    dump_json,
    expect_list,
    expect_object,
    expect_texts,
    parse_json,
)
from supervisor.config import parse_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.image.formats.base_image import BaseImage
    from scar.image.formats.layer import LayerEntry

SCAR_HOME = "opt/scar"
ENTRYPOINT = f"/{SCAR_HOME}/launch"
# Runtime settings of the base image; the supervisor reads them from function.json instead.
# An engine would mount an empty folder over each volume, and run a health check during a job.
_DROPPED_SETTINGS = (
    "Cmd",
    "User",
    "Healthcheck",
    "OnBuild",
    "Volumes",
    "StopSignal",
    "Shell",
    "ArgsEscaped",
)


def compose_image(
    base: BaseImage,
    bundle: Path,
    function_json: str,
    script: bytes | None,
    payload: Mapping[str, LayerEntry] | None = None,
) -> ComposedImage:
    """Return the base image with the supervisor and the function on top.

    ``function_json`` is the result of ``supervisor.config.config_to_json``; the script gets the
    file name that is set there. ``payload`` is added to the same folder, by relative path. Raise
    ImageError if the base image or the payload cannot be used.
    """
    # Layers that change rarely come first: with a new script, the registry already has all layers
    # but the last.
    added = (supervisor_layer(bundle), build_function_layer(function_json, script, payload))
    layers = (*base.layers, *added)
    config = Blob.from_bytes(dump_json(_compose_config(base, added)))
    manifest: JsonObject = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob_descriptor(OCI_CONFIG, config),
        "layers": [blob_descriptor(OCI_LAYER, item.blob) for item in layers],
    }
    return ComposedImage(
        manifest=Blob.from_bytes(dump_json(manifest)), config=config, layers=layers
    )


def build_function_layer(
    function_json: str, script: bytes | None, payload: Mapping[str, LayerEntry] | None = None
) -> ImageLayer:
    """Return the layer with ``/opt/scar/function``: function.json 0644, the script 0755.

    Raise ImageError if the script's name is invalid, or a file of the payload has the same name as
    the script or function.json.
    """
    name = parse_config(function_json).script
    if bool(name) != (script is not None):
        raise ImageError(
            "function.json and the script do not match.",
            remedy="This is a bug in scar; please report it.",
        )
    tree: dict[str, LayerEntry] = {
        f"{SCAR_HOME}/function/function.json": LayerFile(function_json.encode())
    }
    if script is not None:
        if PurePosixPath(name).name != name or name in {"..", "function.json"}:
            raise ImageError(
                f"{name!r} is not a valid file name for a script.", remedy="Rename the script."
            )
        tree[f"{SCAR_HOME}/function/{name}"] = LayerFile(script, 0o755)
    extra = {f"{SCAR_HOME}/function/{path}": entry for path, entry in (payload or {}).items()}
    if duplicates := sorted(PurePosixPath(path).name for path in tree.keys() & extra.keys()):
        raise ImageError(
            f"extra_payload contains a file with the reserved name {duplicates[0]}.",
            remedy="It is copied next to the script and function.json: rename the file.",
        )
    return build_layer({**extra, **tree})


def _compose_config(base: BaseImage, added: tuple[ImageLayer, ...]) -> JsonObject:
    label = f"configuration ({base.name})"
    config = expect_object(parse_json(base.config, label), label)
    run = expect_object(config.get("config") or {}, label)
    # Fields that scar does not know, such as labels, are copied unchanged.
    settings = {key: value for key, value in run.items() if key not in _DROPPED_SETTINGS}
    # Variables such as PYTHONHOME or LD_PRELOAD must not reach the supervisor; the script gets the
    # image's environment from function.json.
    path: list[Json] = [
        item for item in expect_texts(run.get("Env"), label) if item.startswith("PATH=")
    ]
    entrypoint: list[Json] = [ENTRYPOINT]
    # The base image's time, not the current one: the digest must not depend on the time of
    # composition. One entry per layer, because tools pair history and layers by position.
    history: list[Json] = [
        {"created": config.get("created") or "1970-01-01T00:00:00Z", "created_by": f"scar: {part}"}
        for part in ("supervisor", "function")
    ]
    diff_ids: list[Json] = [item.diff_id for item in (*base.layers, *added)]
    composed: JsonObject = {
        **config,
        "config": settings | {"Entrypoint": entrypoint, "Env": path, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [*expect_list(config.get("history"), label), *history],
    }
    return {key: value for key, value in composed.items() if key not in _BUILD_ONLY_KEYS}


# Written by old `docker build`s about the build container: meaningless in the composed image.
_BUILD_ONLY_KEYS = frozenset({"container", "container_config", "docker_version", "id", "parent"})
