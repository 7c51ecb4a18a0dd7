"""Says what differs between two composed images of a function: the base image, the script, …"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.image.compose.function_image import SCAR_HOME
from scar.image.errors import ImageError
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.decompression import Compression, decompress
from scar.image.formats.manifest import (
    JsonObject,
    expect_object,
    expect_text,
    parse_json,
)
from scar.image.formats.recompression import read_chunks
from scar.image.formats.tar_stream import TAR_ERRORS, open_tar_stream
from scar.image.formats.unpacking_limits import MAX_ENTRIES, UnpackedSize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.image.formats.blobs import Blob
    from scar.image.formats.layer import ImageLayer

MAX_FUNCTION_LAYER = 512 << 20  # bytes, unpacked: the payload's limit and some scripts
_FUNCTION_FILE = "function.json"
_ADDED_LAYERS = 2  # the supervisor's and the function's


@dataclass(frozen=True, slots=True)
class _FunctionLayer:
    """The content of a function layer: the settings, and the digests of the other files."""

    settings: JsonObject
    files: dict[str, str]

    @property
    def script(self) -> str:
        return expect_text(self.settings.get("script"), _FUNCTION_FILE)


def describe_image_changes(
    old: tuple[ImageLayer, ...], new: tuple[ImageLayer, ...]
) -> tuple[str, ...]:
    """Return what changed from one image of a function to another, in the words of the FDL.

    Function layers are read only if they differ. Raise ImageError if one cannot be read or an image
    was not composed by scar.
    """
    if min(len(old), len(new)) < _ADDED_LAYERS:
        raise ImageError("The image was not composed by scar.", remedy="Run `scar init`.")
    ids = [[layer.diff_id for layer in layers] for layers in (old, new)]
    changes = []
    if ids[0][:-_ADDED_LAYERS] != ids[1][:-_ADDED_LAYERS]:
        changes.append("base image")
    if ids[0][-_ADDED_LAYERS] != ids[1][-_ADDED_LAYERS]:
        changes.append("supervisor")
    if ids[0][-1] != ids[1][-1]:
        changes += _compare_functions(
            _read_function_layer(old[-1].blob), _read_function_layer(new[-1].blob)
        )
    return tuple(dict.fromkeys(changes)) or ("image configuration",)


def _compare_functions(old: _FunctionLayer, new: _FunctionLayer) -> Iterator[str]:
    names = (old.script, new.script)
    contents = (old.files.get(old.script), new.files.get(new.script))
    if names != (new.script, new.script) or contents[0] != contents[1]:
        yield f"script {new.script or old.script}"
    payloads = [
        {name: digest for name, digest in layer.files.items() if name != layer.script}
        for layer in (old, new)
    ]
    if payloads[0] != payloads[1]:
        yield "extra_payload"
    different = {
        name
        for name in old.settings.keys() | new.settings.keys()
        if old.settings.get(name) != new.settings.get(name)
    }
    if "image" in different:  # the base image's own entrypoint, variables, …
        yield "settings of the base image"
    if settings := sorted(different - {"script", "image"}):
        yield f"settings ({', '.join(settings)})"


def _read_function_layer(blob: Blob) -> _FunctionLayer:
    size = UnpackedSize(f"Layer {blob.digest}", MAX_FUNCTION_LAYER)
    files: dict[str, str] = {}
    settings: JsonObject = {}
    prefix = f"{SCAR_HOME}/function/"
    try:
        with blob.open() as file:
            content = decompress(read_chunks(file), Compression.GZIP, size)
            with open_tar_stream(chunks_to_file(content), MAX_ENTRIES) as archive:
                for info in archive:
                    name = info.name.removeprefix(prefix)
                    if name == _FUNCTION_FILE and info.isreg():
                        text = b"".join(archive.read(info))
                        settings = expect_object(parse_json(text, name), name)
                    elif not info.isdir():
                        digest = hashlib.sha256(f"{info.type!r}{info.mode}{info.linkname}".encode())
                        for chunk in archive.read(info) if info.isreg() else ():
                            digest.update(chunk)
                        files[name] = digest.hexdigest()
    except TAR_ERRORS as error:
        raise ImageError(
            f"Layer {blob.digest} is not the layer of a function: {error}.",
            remedy="Run `scar init`.",
        ) from error
    return _FunctionLayer(settings, files)
