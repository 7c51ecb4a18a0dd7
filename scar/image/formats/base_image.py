"""What a base image and a composed image are."""

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
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from scar.image.formats.layer import ImageLayer
    from scar.image.formats.manifest import JsonObject

ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """The user's image: its configuration as it was, its layers gzipped, base first."""

    name: str
    config: bytes
    layers: tuple[ImageLayer, ...]

    @property
    def defaults(self) -> ImageDefaults:
        """What the image says about running it."""
        what = f"configuration ({self.name})"
        run = expect_object(
            expect_object(parse_json(self.config, what), what).get("config") or {}, what
        )
        pairs = (text.partition("=") for text in expect_texts(run.get("Env"), what))
        return ImageDefaults(
            entrypoint=expect_texts(run.get("Entrypoint"), what),
            command=expect_texts(run.get("Cmd"), what),
            environment={name: value for name, _, value in pairs if name},
            user=expect_text(run.get("User"), what),
            workdir=expect_text(run.get("WorkingDir"), what) or "/",
        )


def build_base_image(
    name: str, config: bytes, layers: tuple[ImageLayer, ...], architecture: str
) -> BaseImage:
    """Check that configuration, layers and platform agree; raise ImageError if not."""
    what = f"configuration ({name})"
    if not layers:
        raise ImageError(
            f"The image {name} is empty: it has no layers.",
            remedy="Build an image with at least one file in it.",
        )
    document = expect_object(parse_json(config, what), what)
    rootfs = expect_object(document.get("rootfs"), what)
    diff_ids = expect_texts(rootfs.get("diff_ids"), what)
    if diff_ids != tuple(item.diff_id for item in layers):
        raise document_error(what, "its layers are not the ones it lists")
    check_platform(name, document, architecture)
    expect_list(document.get("history"), what)
    image = BaseImage(name=name, config=config, layers=layers)
    image.defaults  # noqa: B018  # a damaged configuration is found here, not later
    return image


def empty_base_image(architecture: str) -> BaseImage:
    """Return an image without anything in it, for what brings all it needs."""
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
    found = expect_text(config.get("architecture"), "architecture")
    if (system, ARCHITECTURES.get(found, found)) != ("linux", architecture):
        raise ImageError(
            f"The image {name} is for {system}/{found or '?'}; the function runs on"
            f" linux/{architecture}.",
            remedy=f"Build or pull the image with --platform linux/{architecture}.",
        )


def reject_foreign_layer(name: str, media_type: str) -> None:
    """Raise ImageError if a layer is one that only its maker may hand out."""
    if "foreign" in media_type or "nondistributable" in media_type:
        raise ImageError(
            f"The image {name} has a layer that its registry may not hand out ({media_type}).",
            remedy="Such layers are Windows' own; use an image for Linux.",
        )
