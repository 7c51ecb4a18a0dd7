"""The base image: the user's image after validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.image.errors import ImageError
from scar.image.formats.manifest import (
    document_error,
    dump_json,
    expect_list,
    expect_object,
    expect_text,
    expect_texts,
    parse_json,
)
from scar.image.formats.unpacking_limits import UnpackedSize
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from scar.image.formats.layer import ImageLayer
    from scar.image.formats.manifest import JsonObject

ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """The user's image: its unchanged configuration, and its layers as gzip, base layer first."""

    name: str
    config: bytes
    layers: tuple[ImageLayer, ...]

    @property
    def defaults(self) -> ImageDefaults:
        """The runtime settings of the image's configuration: entrypoint, user, environment, …"""
        label = f"configuration ({self.name})"
        run = expect_object(
            expect_object(parse_json(self.config, label), label).get("config") or {}, label
        )
        pairs = (text.partition("=") for text in expect_texts(run.get("Env"), label))
        return ImageDefaults(
            entrypoint=expect_texts(run.get("Entrypoint"), label),
            command=expect_texts(run.get("Cmd"), label),
            environment={name: value for name, _, value in pairs if name},
            user=expect_text(run.get("User"), label),
            workdir=expect_text(run.get("WorkingDir"), label) or "/",
        )


def build_base_image(
    name: str, config: bytes, layers: tuple[ImageLayer, ...], architecture: str
) -> BaseImage:
    """Return the image; raise ImageError if configuration, layers and platform do not match."""
    label = f"configuration ({name})"
    if not layers:
        raise ImageError(
            f"The image {name} is empty: it has no layers.",
            remedy="Build an image with at least one file in it.",
        )
    document = expect_object(parse_json(config, label), label)
    rootfs = expect_object(document.get("rootfs"), label)
    diff_ids = expect_texts(rootfs.get("diff_ids"), label)
    # Found here, because an engine would find it only when it unpacks the image.
    if diff_ids != tuple(item.diff_id for item in layers):
        raise document_error(label, "rootfs.diff_ids does not match the image's layers")
    check_platform(name, document, architecture)
    _check_unpacked_size(name, layers)
    expect_list(document.get("history"), label)
    image = BaseImage(name=name, config=config, layers=layers)
    image.defaults  # noqa: B018  # reports an invalid configuration now, not in a later step
    return image


def _check_unpacked_size(name: str, layers: tuple[ImageLayer, ...]) -> None:
    """Raise ImageTooLargeError if the layers, as far as they are known, exceed Lambda's limit."""
    size = UnpackedSize(f"The image {name}")
    for layer in layers:
        size.add(layer.unpacked_size or layer.blob.size)


def empty_base_image(architecture: str) -> BaseImage:
    """Return an image without layers, for functions that need only the supervisor layer."""
    document: JsonObject = {
        "architecture": ARCHITECTURES.get(architecture, architecture),
        "config": {},
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    return BaseImage(name="scratch", config=dump_json(document), layers=())


def check_platform(name: str, config: JsonObject, architecture: str) -> None:
    """Raise ImageError unless the image is for Linux on this architecture."""
    system = expect_text(config.get("os"), "os") or "linux"
    built_for = expect_text(config.get("architecture"), "architecture")
    if (system, ARCHITECTURES.get(built_for, built_for)) != (
        "linux",
        architecture,
    ):
        raise ImageError(
            f"The image {name} is for {system}/{built_for or 'unknown'}; the function runs on"
            f" linux/{architecture}.",
            remedy=f"Build or pull the image with --platform linux/{architecture}.",
        )


def reject_foreign_layer(name: str, media_type: str) -> None:
    """Raise ImageError if registries may not distribute the layer (a "foreign" layer)."""
    if "foreign" in media_type or "nondistributable" in media_type:
        raise ImageError(
            f"The image {name} has a non-distributable layer ({media_type}).",
            remedy="Windows base images have such layers; use an image for Linux.",
        )
