"""Parses image names as Docker users write them."""

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
# The manual page of containers-transports, of section 5; sif is Apptainer's.
_FILE_TRANSPORTS = frozenset({"docker-archive", "oci-archive", "oci", "dir", "sif"})
_STORAGE_TRANSPORTS = frozenset({"docker-daemon", "containers-storage", "ostree"})
_FILE_SUFFIX = re.compile(r"\.(tar(\.(gz|zst|xz|bz2|lz4))?|tgz|sif|oci)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """``registry/repository:tag`` or ``…@digest``; a digest takes precedence over a tag."""

    registry: str
    repository: str
    tag: str = "latest"
    digest: str = ""

    @property
    def version(self) -> str:
        """The reference within the repository: the digest if there is one, else the tag."""
        return self.digest or self.tag

    @property
    def endpoint(self) -> str:
        """The registry's base URL; plain HTTP only for loopback addresses, as with Docker."""
        if self.registry == DOCKER_HUB:
            return f"https://{_DOCKER_HUB_HOST}"
        scheme = "http" if _LOOPBACK.fullmatch(self.registry) else "https"
        return f"{scheme}://{self.registry}"

    def __str__(self) -> str:
        suffix = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self.registry}/{self.repository}{suffix}"


def parse_reference(text: str) -> ImageReference:
    """Parse ``ubuntu``, ``grycap/cowsay:1``, ``host:port/a/b@sha256:…``.

    Raise ImageError if the name is invalid.
    """
    name, _, digest = text.partition("@")
    if digest and not is_digest(digest):
        raise _invalid_reference(text, f"{digest!r} is not a digest such as sha256:<64 hex digits>")
    if name.endswith(":"):
        raise _invalid_reference(text, "the tag after the colon is empty")
    name, tag = _split_tag(name)
    if tag and not _TAG.fullmatch(tag):
        raise _invalid_reference(text, f"{tag!r} is not a valid tag")
    registry, repository = _split_registry(name)
    if not _HOST.fullmatch(registry):
        raise _invalid_reference(text, f"{registry!r} is not a valid registry host")
    if not _PATH.fullmatch(repository) or len(repository) > _MAX_PATH_LENGTH:
        reason = f"{repository!r} is not a valid repository name"
        if repository.lower() != repository:
            reason = "repository name must be lowercase"  # as Docker says it
        raise _invalid_reference(text, reason)
    return ImageReference(
        registry=registry, repository=repository, tag=tag or "latest", digest=digest
    )


def find_file_problem(name: str) -> str:
    """Return why a name is not that of an image in a registry but of a file; empty if it may be.

    Names are as skopeo and podman write them, ``docker-archive:image.tar``, or paths: no image of
    Docker Hub is called ``image.tar``.
    """
    transport, colon, rest = name.partition(":")
    if colon and not rest.startswith("//"):
        if transport in _FILE_TRANSPORTS:
            path = rest if transport == "dir" else rest.partition(":")[0]
            return (
                f"{name!r} is not an image name but an image file, as skopeo writes it; use"
                f" `image_file: {path or 'PATH'}` instead of image"
            )
        if transport in _STORAGE_TRANSPORTS:
            return (
                f"{name!r} is an image in the storage of this machine, which scar does not read;"
                f" save it (`docker save {rest or 'NAME'} -o image.tar`) and use `image_file:"
                " image.tar` instead of image"
            )
    first = name.partition("/")[0]
    is_path = first in {"", ".", ".."} or first.startswith("~")
    has_registry = name != first and ("." in first or ":" in first)
    if is_path or (_FILE_SUFFIX.search(name) and not has_registry):
        return (
            f"{name!r} is not an image name but the path of a file; use `image_file: {name}`"
            " instead of image"
        )
    return ""


def _split_tag(name: str) -> tuple[str, str]:
    """Return the name and its tag; a colon before the last slash belongs to a port."""
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, "")


def _split_registry(name: str) -> tuple[str, str]:
    """Return the registry and the repository; the default registry is Docker Hub."""
    first, slash, rest = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    if not is_host:
        return DOCKER_HUB, name if slash else f"library/{name}"
    if first in _DOCKER_HUB_NAMES:
        return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
    return first, rest


def _invalid_reference(text: str, reason: str) -> ImageError:
    return ImageError(
        f"{text!r} is not a valid image name: {reason}.",
        remedy="Write it as for `docker pull`: name, user/name:tag, host:port/name@sha256:….",
    )
