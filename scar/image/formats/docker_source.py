"""Reads base images from the image store of Docker or Podman, over its socket."""

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

SAVE_TIMEOUT = 600  # seconds: the engine may prepare a save of several GB before it sends data


class DockerImageSource:
    """The image store of one Docker API endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        """Return the image; raise ImageNotFoundError, with the reason, if the store lacks it."""
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
    """Raise ImageNotFoundError if the socket does not accept connections.

    The Docker SDK leaks its own socket where the connection fails.
    """
    scheme, _, path = endpoint.partition("://")
    if scheme != "unix":
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
        except OSError as error:
            raise _not_found_error(name, endpoint, error.strerror or str(error)) from error


def _read_image(client: DockerClient, name: str, architecture: str, cache: BlobCache) -> BaseImage:
    image = client.images.get(name)
    key = f"{image.id}\n{name}\n{architecture}"
    if cached := find_cached_image(key, architecture, cache):
        return cached
    # Saved by its id: the SDK does not accept names without a tag or with a digest.
    chunks = image.save(chunk_size=1 << 20)
    members = read_members(chunks_to_file(iter(chunks)), cache)
    base = select_image(members, name, architecture)
    cache_image(key, base, cache)
    return base


def find_docker_sources(environ: Mapping[str, str]) -> list[DockerImageSource]:
    """Return a source for DOCKER_HOST if it is set, else for each usual socket that exists."""
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
