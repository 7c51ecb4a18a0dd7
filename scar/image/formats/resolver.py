"""Find the user's image: in ``image_file``, else in a Docker image store, else in its registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from scar.image.errors import ImageError, ImageNotFoundError, RegistryError
from scar.image.formats.archive import read_members
from scar.image.formats.base_image import ARCHITECTURES, BaseImage
from scar.image.formats.cache_index import cache_image, find_cached_image
from scar.image.formats.layouts import select_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.image.formats.blobs import BlobCache


class ImageSource(Protocol):
    """A place that may have images by name."""

    endpoint: str

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        """Return the image; raise ImageNotFound if it is not there."""


def find_base_image(
    image: str,
    image_file: Path | None,
    *,
    architecture: str,
    cache: BlobCache,
    sources: Sequence[ImageSource] = (),
) -> BaseImage:
    """Return the base image, its layers in the cache.

    ``image`` is a name such as ``debian:12``; it may be empty if the file holds one image.
    ``architecture`` is ``amd64`` (``x86_64``) or ``arm64``. Raise ImageNotFound, saying what
    was tried, if no source has it, ImageError if it cannot be used.
    """
    architecture = ARCHITECTURES.get(architecture, architecture)
    if image_file is not None:
        return _read_image_file(image, image_file, architecture, cache)
    tried: list[str] = []
    unusable: ImageError | None = None
    for store in sources:
        try:
            return store.find(image, architecture, cache)
        except (ImageNotFoundError, RegistryError) as missing:
            tried.append(missing.problem)
        except ImageError as error:  # such as another architecture: the next may have it
            unusable = unusable or error
    if unusable is not None:
        raise unusable
    places = " ".join(tried) or "No Docker or Podman socket was found."
    raise ImageNotFoundError(
        f"The image {image} was not found. Tried: container.image_file (not given). {places}",
        remedy=f"Check the name; where it needs a login, `docker login`; else run `docker save"
        f" {image} -o image.tar` where you have the image and set container.image_file.",
    )


def _read_image_file(name: str, path: Path, architecture: str, cache: BlobCache) -> BaseImage:
    try:
        state = path.stat()
        seen = (path.resolve(), state.st_size, state.st_mtime_ns, state.st_ino, name, architecture)
        key = "\n".join(str(part) for part in seen)
        if known := find_cached_image(key, architecture, cache):
            return known
        with path.open("rb") as file:
            image = select_image(read_members(file, cache), name, architecture)
    except OSError as error:
        raise ImageNotFoundError(
            f"The image {name or path.name} was not found: cannot read {path}: {error.strerror}.",
            remedy="Check container.image_file; a relative path starts at the FDL file's folder.",
        ) from error
    except ImageError as error:
        raise type(error)(f"{path}: {error.problem}", remedy=error.remedy) from error
    cache_image(key, image, cache)
    return image
