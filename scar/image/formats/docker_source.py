"""Base images from a Docker or Podman image store, if a socket of one answers."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from scar.image.errors import ImageNotFoundError
from scar.image.formats.archive import read_members
from scar.image.formats.cache_index import cache_image, find_cached_image
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.layouts import select_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient

    from scar.image.formats.base_image import BaseImage
    from scar.image.formats.blobs import BlobCache

SAVE_TIMEOUT = 600  # a save of several GB may pause that long while the engine reads its disk


class DockerImageSource:
    """The image store behind one Docker API endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        """Read the image from the store; raise ImageNotFound with the reason if it is not there."""
        try:
            import docker
            from docker.errors import DockerException
            from docker.errors import ImageNotFound as NoSuchImage
            from requests import RequestException
        except ImportError as error:
            raise _not_found_error(
                name, self.endpoint, "the Python package `docker` is not installed"
            ) from error
        _check_socket(name, self.endpoint)
        try:
            client = docker.DockerClient(base_url=self.endpoint, timeout=SAVE_TIMEOUT)
            try:
                return _read_image(client, name, architecture, cache)
            finally:
                client.close()
        except NoSuchImage as error:
            raise _not_found_error(name, self.endpoint, "no such image") from error
        except (DockerException, RequestException) as error:
            raise _not_found_error(name, self.endpoint, str(error)) from error


def _check_socket(name: str, endpoint: str) -> None:
    """Raise ImageNotFound if nobody listens: the SDK would leave its socket open."""
    scheme, _, path = endpoint.partition("://")
    if scheme != "unix":
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.settimeout(5)
        try:
            knocking.connect(path)
        except OSError as error:
            raise _not_found_error(name, endpoint, error.strerror or str(error)) from error


def _read_image(client: DockerClient, name: str, architecture: str, cache: BlobCache) -> BaseImage:
    image = client.images.get(name)
    key = f"{image.id}\n{name}\n{architecture}"
    if known := find_cached_image(key, architecture, cache):
        return known
    # By its id: the SDK takes no name without a tag, nor one with a digest.
    chunks = image.save(chunk_size=1 << 20)
    members = read_members(chunks_to_file(iter(chunks)), cache)
    found = select_image(members, name, architecture)
    cache_image(key, found, cache)
    return found


def find_docker_sources(environ: Mapping[str, str]) -> list[DockerImageSource]:
    """List the endpoints worth asking: DOCKER_HOST, or the usual sockets that exist."""
    if host := environ.get("DOCKER_HOST"):
        return [DockerImageSource(host)]
    sockets = [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock")]
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        sockets += [Path(runtime, "docker.sock"), Path(runtime, "podman", "podman.sock")]
    return [DockerImageSource(f"unix://{path}") for path in sockets if path.is_socket()]


def _not_found_error(name: str, endpoint: str, reason: str) -> ImageNotFoundError:
    return ImageNotFoundError(
        f"The image {name} cannot be read from {endpoint}: {reason}.",
        remedy=f"Pull or build it there: `docker pull {name}`.",
    )
