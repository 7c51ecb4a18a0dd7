"""Base image + supervisor layer + function layer: the image that Lambda and Batch run.

Nothing in the result depends on when or where it was composed, so its digest says whether
anything changed.
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
# What the image said about being run; the supervisor knows it from function.json instead.
# A volume would hide its folder from the composed image's rules, a health check would run
# in the middle of somebody's job.
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
    """Put the supervisor and the function on top of the base image.

    ``function_json`` is what ``supervisor.config.dump`` wrote; the script gets the name that
    is written there. ``payload`` lies next to it. Raise ImageError if the base image cannot be
    extended.
    """
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
    """Build the layer with ``/opt/scar/function``: function.json 0644, the script 0755.

    Raise ImageError if a file of the payload has the name of one of these.
    """
    name = parse_config(function_json).script
    if bool(name) != (script is not None):
        raise ImageError(
            "function.json and the script do not belong together.",
            remedy="This is a fault in scar; please report it.",
        )
    tree: dict[str, LayerEntry] = {
        f"{SCAR_HOME}/function/function.json": LayerFile(function_json.encode())
    }
    if script is not None:
        if PurePosixPath(name).name != name or name in {"..", "function.json"}:
            raise ImageError(
                f"A script cannot be called {name!r}.", remedy="Give the file a plain name."
            )
        tree[f"{SCAR_HOME}/function/{name}"] = LayerFile(script, 0o755)
    further = {f"{SCAR_HOME}/function/{path}": entry for path, entry in (payload or {}).items()}
    if twice := sorted(PurePosixPath(path).name for path in tree.keys() & further.keys()):
        raise ImageError(
            f"extra_payload has a file {twice[0]} too.",
            remedy="It lies next to the script and function.json: rename the file.",
        )
    return build_layer({**further, **tree})


def _compose_config(base: BaseImage, added: tuple[ImageLayer, ...]) -> JsonObject:
    what = f"configuration ({base.name})"
    config = expect_object(parse_json(base.config, what), what)
    run = expect_object(config.get("config") or {}, what)
    kept = {key: value for key, value in run.items() if key not in _DROPPED_SETTINGS}
    path: list[Json] = [
        item for item in expect_texts(run.get("Env"), what) if item.startswith("PATH=")
    ]
    entrypoint: list[Json] = [ENTRYPOINT]
    history: list[Json] = [
        {"created": config.get("created") or "1970-01-01T00:00:00Z", "created_by": f"scar: {part}"}
        for part in ("supervisor", "function")
    ]
    diff_ids: list[Json] = [item.diff_id for item in (*base.layers, *added)]
    whole: JsonObject = {
        **config,
        "config": kept | {"Entrypoint": entrypoint, "Env": path, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [*expect_list(config.get("history"), what), *history],
    }
    return {key: value for key, value in whole.items() if key not in _BUILD_ONLY_KEYS}


_BUILD_ONLY_KEYS = frozenset({"container", "container_config", "docker_version", "id", "parent"})
