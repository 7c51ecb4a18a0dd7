"""Base images from a Docker or Podman image store, if a socket of one answers."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from scar.image.errors import ImageNotFound
from scar.image.formats.archive import read_members
from scar.image.formats.cache_index import recall, remember
from scar.image.formats.chunks import as_file
from scar.image.formats.layouts import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient

    from scar.image.formats.base_image import BaseImage
    from scar.image.formats.blobs import BlobCache

SECONDS = 600  # a save of several GB may pause that long while the engine reads its disk


class DockerStore:
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
            raise _not_there(
                name, self.endpoint, "the Python package `docker` is not installed"
            ) from error
        _knock(name, self.endpoint)
        try:
            client = docker.DockerClient(base_url=self.endpoint, timeout=SECONDS)
            try:
                return _read(client, name, architecture, cache)
            finally:
                client.close()
        except NoSuchImage as error:
            raise _not_there(name, self.endpoint, "no such image") from error
        except (DockerException, RequestException) as error:
            raise _not_there(name, self.endpoint, str(error)) from error


def _knock(name: str, endpoint: str) -> None:
    """Raise ImageNotFound if nobody listens: the SDK would leave its socket open."""
    scheme, _, path = endpoint.partition("://")
    if scheme != "unix":
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.settimeout(5)
        try:
            knocking.connect(path)
        except OSError as error:
            raise _not_there(name, endpoint, error.strerror or str(error)) from error


def _read(client: DockerClient, name: str, architecture: str, cache: BlobCache) -> BaseImage:
    image = client.images.get(name)
    key = f"{image.id}\n{name}\n{architecture}"
    if known := recall(key, architecture, cache):
        return known
    # By its id: the SDK takes no name without a tag, nor one with a digest.
    chunks = image.save(chunk_size=1 << 20)
    members = read_members(as_file(iter(chunks)), cache)
    found = choose(members, name, architecture)
    remember(key, found, cache)
    return found


def stores(environ: Mapping[str, str]) -> list[DockerStore]:
    """List the endpoints worth asking: DOCKER_HOST, or the usual sockets that exist."""
    if host := environ.get("DOCKER_HOST"):
        return [DockerStore(host)]
    sockets = [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock")]
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        sockets += [Path(runtime, "docker.sock"), Path(runtime, "podman", "podman.sock")]
    return [DockerStore(f"unix://{path}") for path in sockets if path.is_socket()]


def _not_there(name: str, endpoint: str, reason: str) -> ImageNotFound:
    return ImageNotFound(
        f"The image {name} cannot be read from {endpoint}: {reason}.",
        remedy=f"Pull or build it there: `docker pull {name}`.",
    )
