"""Summarizes an image, before or after composition, for ``scar image inspect``."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.image.compose.function_image import ENTRYPOINT, SCAR_HOME
from scar.image.formats.manifest import (
    JsonObject,
    document_error,
    expect_list,
    expect_object,
    expect_text,
    parse_json,
)
from supervisor.config import parse_config

if TYPE_CHECKING:
    from scar.image.formats.base_image import BaseImage
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
        with last.open() as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
            member = archive.extractfile(f"{SCAR_HOME}/function/function.json")
            return parse_config(member.read().decode()) if member else None
    except KeyError:  # the layer has no such file
        return None
    except ScarError:
        raise
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise document_error(
            f"last layer ({image.name})", f"it contains no function ({error})"
        ) from error
