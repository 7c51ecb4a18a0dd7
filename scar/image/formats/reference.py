"""Names of images as Docker users write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scar.image.errors import ImageError
from scar.image.formats.blobs import is_digest

DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_DOCKER_HUB_HOST = "registry-1.docker.io"
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?")
# The grammar of github.com/distribution/reference.
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?")
_PATH = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MAX_PATH_LENGTH = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """``registry/repository:tag`` or ``…@digest``; a digest goes before a tag."""

    registry: str
    repository: str
    tag: str = "latest"
    digest: str = ""

    @property
    def version(self) -> str:
        """What the registry is asked for: the digest if there is one."""
        return self.digest or self.tag

    @property
    def endpoint(self) -> str:
        """Where the registry answers; plain HTTP only on this machine, as with Docker."""
        if self.registry == DOCKER_HUB:
            return f"https://{_DOCKER_HUB_HOST}"
        scheme = "http" if _LOOPBACK.fullmatch(self.registry) else "https"
        return f"{scheme}://{self.registry}"

    def __str__(self) -> str:
        mark = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self.registry}/{self.repository}{mark}"


def parse_reference(text: str) -> ImageReference:
    """Read ``ubuntu``, ``grycap/cowsay:1``, ``host:port/a/b@sha256:…``; raise ImageError."""
    name, _, digest = text.partition("@")
    if digest and not is_digest(digest):
        raise _invalid_reference(text, f"{digest!r} is not a digest such as sha256:<64 hex digits>")
    if name.endswith(":"):
        raise _invalid_reference(text, "there is no tag after the colon of its repository")
    name, tag = _split_tag(name)
    if tag and not _TAG.fullmatch(tag):
        raise _invalid_reference(text, f"{tag!r} cannot be a tag")
    registry, repository = _split_registry(name)
    if not _HOST.fullmatch(registry):
        raise _invalid_reference(text, f"{registry!r} is not a host")
    if not _PATH.fullmatch(repository) or len(repository) > _MAX_PATH_LENGTH:
        why = "names are lower case" if repository.lower() != repository else "no such name"
        raise _invalid_reference(text, f"{repository!r} cannot be a repository: {why}")
    return ImageReference(
        registry=registry, repository=repository, tag=tag or "latest", digest=digest
    )


def _split_tag(name: str) -> tuple[str, str]:
    """Part the tag from the name; a colon before the last slash belongs to a port."""
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, "")


def _split_registry(name: str) -> tuple[str, str]:
    """Part the registry from the repository; without one it is Docker Hub's."""
    first, slash, rest = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    if not is_host:
        return DOCKER_HUB, name if slash else f"library/{name}"
    if first in _DOCKER_HUB_NAMES:
        return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
    return first, rest


def _invalid_reference(text: str, why: str) -> ImageError:
    return ImageError(
        f"{text!r} is not the name of an image: {why}.",
        remedy="Write it as for `docker pull`: name, user/name:tag, host:port/name@sha256:….",
    )
