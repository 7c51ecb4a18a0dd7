"""What an image is, for people who want to see it before or after it was composed."""

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

MAX_FUNCTION_LAYER = 64 << 20  # bytes: a function layer holds one script and one document


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary:
    """One layer; ``size`` in bytes as it is stored, ``made_by`` as the image's history says."""

    digest: str
    diff_id: str
    size: int
    made_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSummary:
    """An image, base layer first; ``function`` if scar composed it."""

    name: str
    platform: str
    created: str
    run: ImageDefaults
    layers: tuple[LayerSummary, ...]
    function: FunctionConfig | None = None

    @property
    def size(self) -> int:
        """Bytes of all layers as they are stored."""
        return sum(layer.size for layer in self.layers)


def inspect_image(image: BaseImage) -> ImageSummary:
    """Read what the image says of itself, and its function's layer if it has one.

    Raise ImageError if it is damaged.
    """
    what = f"configuration ({image.name})"
    config = expect_object(parse_json(image.config, what), what)
    platform = (expect_text(config.get(key), what) for key in ("os", "architecture"))
    return ImageSummary(
        name=image.name,
        platform="/".join(platform),
        created=expect_text(config.get("created"), what),
        run=image.defaults,
        layers=_summarize_layers(image.layers, _layer_commands(config, what)),
        function=_read_function_config(image),
    )


def _summarize_layers(
    layers: tuple[ImageLayer, ...], made_by: list[str]
) -> tuple[LayerSummary, ...]:
    if len(made_by) != len(layers):  # histories are optional, and some tools write other ones
        made_by = [""] * len(layers)
    return tuple(
        LayerSummary(
            digest=item.blob.digest, diff_id=item.diff_id, size=item.blob.size, made_by=text
        )
        for item, text in zip(layers, made_by, strict=True)
    )


def _layer_commands(config: JsonObject, what: str) -> list[str]:
    steps = [expect_object(step, what) for step in expect_list(config.get("history"), what)]
    return [
        expect_text(step.get("created_by"), what) for step in steps if not step.get("empty_layer")
    ]


def _read_function_config(image: BaseImage) -> FunctionConfig | None:
    """Read function.json out of the last layer of an image that scar composed."""
    if image.defaults.entrypoint != (ENTRYPOINT,) or not image.layers:
        return None
    last = image.layers[-1].blob
    if last.size > MAX_FUNCTION_LAYER:
        return None
    try:
        with last.open() as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
            found = archive.extractfile(f"{SCAR_HOME}/function/function.json")
            return parse_config(found.read().decode()) if found else None
    except KeyError:
        return None
    except ScarError:
        raise
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise document_error(
            f"last layer ({image.name})", f"it holds no function ({error})"
        ) from error
