"""Summarizes an image, before or after composition, for ``scar image inspect``."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.image.compose.function_image import ENTRYPOINT, SCAR_HOME
from scar.image.formats.archive import MAX_DOCUMENT_SIZE
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.decompression import decompress, detect_compression
from scar.image.formats.manifest import (
    JsonObject,
    document_error,
    expect_list,
    expect_object,
    expect_text,
    parse_json,
)
from scar.image.formats.recompression import read_chunks
from scar.image.formats.tar_stream import TAR_ERRORS, open_tar_stream
from scar.image.formats.unpacking_limits import MAX_ENTRIES, UnpackedSize
from supervisor.config import parse_config

if TYPE_CHECKING:
    from scar.image.formats.base_image import BaseImage
    from scar.image.formats.blobs import Blob
    from scar.image.formats.layer import ImageLayer
    from supervisor.model import FunctionConfig, ImageDefaults

MAX_FUNCTION_LAYER = 64 << 20  # bytes: a larger layer is not searched for function.json


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary:
    """One layer: ``size`` in bytes as stored, ``made_by`` from the image's history or empty."""

    digest: str
    diff_id: str
    size: int
    made_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSummary:
    """An image: layers base first, ``function`` if scar composed it."""

    name: str
    platform: str
    created: str
    run: ImageDefaults
    layers: tuple[LayerSummary, ...]
    function: FunctionConfig | None = None

    @property
    def size(self) -> int:
        """The total size of the layers as stored, in bytes."""
        return sum(layer.size for layer in self.layers)


def inspect_image(image: BaseImage) -> ImageSummary:
    """Return a summary of the image, with the function's configuration if it has one.

    Raise ImageError if the image is corrupt.
    """
    label = f"configuration ({image.name})"
    config = expect_object(parse_json(image.config, label), label)
    platform = (expect_text(config.get(key), label) for key in ("os", "architecture"))
    return ImageSummary(
        name=image.name,
        platform="/".join(platform),
        created=expect_text(config.get("created"), label),
        run=image.defaults,
        layers=_summarize_layers(image.layers, _layer_commands(config, label)),
        function=_read_function_config(image),
    )


def _summarize_layers(
    layers: tuple[ImageLayer, ...], made_by: list[str]
) -> tuple[LayerSummary, ...]:
    if len(made_by) != len(layers):  # a history is optional, and some tools write incomplete ones
        made_by = [""] * len(layers)
    return tuple(
        LayerSummary(
            digest=item.blob.digest, diff_id=item.diff_id, size=item.blob.size, made_by=text
        )
        for item, text in zip(layers, made_by, strict=True)
    )


def _layer_commands(config: JsonObject, label: str) -> list[str]:
    steps = [expect_object(step, label) for step in expect_list(config.get("history"), label)]
    return [
        expect_text(step.get("created_by"), label) for step in steps if not step.get("empty_layer")
    ]


def _read_function_config(image: BaseImage) -> FunctionConfig | None:
    """Return the content of function.json in the last layer, None if scar did not compose it."""
    if image.defaults.entrypoint != (ENTRYPOINT,) or not image.layers:
        return None
    last = image.layers[-1].blob
    if last.size > MAX_FUNCTION_LAYER:
        return None
    try:
        text = _find_document(last, f"{SCAR_HOME}/function/function.json")
        return None if text is None else parse_config(text.decode())
    except ScarError:
        raise
    except (*TAR_ERRORS, OSError) as error:
        raise document_error(
            f"last layer ({image.name})", f"it contains no function ({error})"
        ) from error


def _find_document(layer: Blob, name: str) -> bytes | None:
    """Return a file of a layer, None if there is none; the last one of several counts."""
    found = None
    size = UnpackedSize("The last layer")
    with layer.open() as file:
        chunks = read_chunks(file)
        head = next(chunks, b"")
        chunks = decompress(itertools.chain([head], chunks), detect_compression(head), size)
        with chunks_to_file(chunks) as content, open_tar_stream(content, MAX_ENTRIES) as archive:
            for info in archive:
                if info.name != name or not info.isreg():
                    continue
                if info.size > MAX_DOCUMENT_SIZE:
                    raise ValueError(f"{name} has {info.size:,} bytes")
                found = b"".join(archive.read(info))
    return found
