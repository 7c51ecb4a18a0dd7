"""Finds the user's image: in ``image_file``, else in a Docker image store, else in its registry."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

from scar.image.errors import (
    ImageError,
    ImageNotFoundError,
    ImageTooLargeError,
    NotAnImageError,
    RegistryError,
    RegistryUnreachableError,
)
from scar.image.formats.archive import read_members
from scar.image.formats.base_image import ARCHITECTURES, BaseImage
from scar.image.formats.cache_index import cache_image, find_cached_image
from scar.image.formats.file_kinds import IMAGE_ARCHIVE, UNKNOWN_TAR
from scar.image.formats.image_file import open_regular_file, require_image_file
from scar.image.formats.layouts import select_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.image.formats.blobs import BlobCache
    from scar.meter import Meter


class ImageSource(Protocol):
    """A source of images by name: an engine's image store, or a registry."""

    endpoint: str

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        """Return the image; raise ImageNotFoundError if the source does not have it."""


def find_base_image(
    image: str,
    image_file: Path | None,
    *,
    architecture: str,
    cache: BlobCache,
    sources: Sequence[ImageSource] = (),
    meter: Meter | None = None,
) -> BaseImage:
    """Return the base image.

    ``image`` is a name such as ``debian:12``; it may be empty if the file contains one image.
    ``architecture`` is ``amd64`` (``x86_64``) or ``arm64``. ``meter`` counts the bytes of the file
    while it is read, and says if a source takes long. Raise ImageNotFoundError, with the sources
    that were tried, if none has the image, RegistryError if it is not known whether the
    registry has it, and ImageError if it cannot be used.
    """
    architecture = ARCHITECTURES.get(architecture, architecture)
    if image_file is not None:
        return _read_image_file(image, image_file, architecture, cache, meter)
    problems: list[str] = []
    unusable: ImageError | None = None
    failed: RegistryError | None = None
    for source in sources:
        # A registry may take its minute for each document, an engine as long as it likes.
        wait = meter.announce_wait(f"{source.endpoint} to send {image}") if meter else nullcontext()
        try:
            with wait:
                return source.find(image, architecture, cache)
        except ImageNotFoundError as missing:
            problems.append(missing.problem)
        except RegistryError as error:
            failed = failed or error
        except ImageError as error:  # e.g. another architecture: the next source may have it
            unusable = unusable or error
    if unusable is not None:
        raise unusable
    if failed is not None:
        raise _fetch_error(image, failed, problems) from failed
    tried = " ".join(problems) or "No Docker or Podman socket was found."
    raise ImageNotFoundError(
        f"The image {image} was not found. {tried}",
        remedy="Check the name; run `docker login` if the registry needs it; or"
        f" {_image_file_remedy(image)}",
    )


def _fetch_error(image: str, failed: RegistryError, problems: Sequence[str]) -> RegistryError:
    """Return the error for an image of which no source but the failed registry may know."""
    unreachable = isinstance(failed, RegistryUnreachableError)
    cause = (
        f"the registry could not be reached: {failed.problem}" if unreachable else failed.problem
    )
    others = f" Also tried: {' '.join(problems)}" if problems else ""
    advice = "Check the network and the proxy (HTTPS_PROXY)" if unreachable else failed.remedy[:-1]
    if unreachable and "certificate" in failed.problem:
        advice += "; REQUESTS_CA_BUNDLE names a file of further certificates"
    return type(failed)(
        f"The image {image} could not be fetched: {cause}{others}",
        remedy=f"{advice}; or {_image_file_remedy(image)}",
        status=failed.status,
    )


def _image_file_remedy(image: str) -> str:
    return (
        f"run `docker save {image} -o image.tar` where you have the image, and specify the file"
        " with -if FILE or, in an FDL file, container.image_file."
    )


def _read_image_file(
    name: str, path: Path, architecture: str, cache: BlobCache, meter: Meter | None
) -> BaseImage:
    kind = UNKNOWN_TAR
    try:
        # As `make` does, take a file with the same path, size, time and inode as unchanged:
        # hashing several GB would take longer than the rest of a deployment.
        kind = require_image_file(path)
        state = path.stat()
        parts = (path.resolve(), state.st_size, state.st_mtime_ns, state.st_ino, name, architecture)
        key = "\n".join(str(part) for part in parts)
        if cached := find_cached_image(key, architecture, cache):
            return cached
        with open_regular_file(path, meter) as file:
            image = select_image(read_members(file, cache), name, architecture)
    except OSError as error:
        raise ImageNotFoundError(
            f"The image {name or path.name} was not found: cannot read {path}: {error.strerror}.",
            remedy="Check -if FILE or container.image_file; relative paths in an FDL file start at"
            " its folder.",
        ) from error
    except (NotAnImageError, ImageTooLargeError):
        raise
    except ImageError as error:
        if kind is IMAGE_ARCHIVE:
            raise ImageError(f"{path}: {error.problem}", remedy=error.remedy) from error
        # The problem that was met first says little: a file that is no image has many.
        raise NotAnImageError(
            f"{path} is not an image archive: {error.problem}",
            remedy="Save an image with `docker save IMAGE -o FILE`. If the file is a root file"
            f" system, make an image of it: `scar image import {path} -o image.tar`.",
        ) from error
    cache_image(key, image, cache)
    return image
