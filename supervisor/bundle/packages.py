"""The Debian packages of a bundle; reads them without dpkg or root."""

from __future__ import annotations

import io
import posixpath
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.bundle.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = "3.11"
REBUILD_REMEDY = "Remove supervisor/bundle/dist and run `make bundle`."
PACKAGES = (
    "base-files",  # only for the licences that the others refer to
    "ca-certificates",
    "gcc-12-base",  # the copyright of libgcc-s1
    "libbz2-1.0",
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",  # glibc loads it to end a thread
    "liblzma5",
    f"libpython{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    "libssl3",
    "libuuid1",
    f"python{PYTHON}-minimal",
    "zlib1g",
)
# Not part of the bundle: the smallest root file system for the tests.
LOCKED = (*PACKAGES, "busybox-static")


@dataclass(slots=True)
class PackageFiles:
    """The files and links of several packages, by absolute path without the leading slash."""

    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def get(self, path: str) -> bytes | None:
        """Return a file, following links; None if it does not exist."""
        for _ in range(8):
            if path not in self.links:
                return self.files.get(path)
            path = self.links[path]
        return None

    def require(self, path: str) -> bytes:
        """Return a file; raise BundleError if no package has it."""
        data = self.get(path)
        if data is None:
            raise BundleError(
                f"None of the packages {', '.join(self.names)} contains /{path}.",
                remedy="Add the package that contains it to supervisor/bundle/packages.py.",
            )
        return data

    def list_files(self, folder: str) -> Iterator[str]:
        """Return the files under a folder, sorted."""
        return iter(sorted(path for path in self.files if path.startswith(f"{folder}/")))


def unpack_packages(debs: list[Path]) -> PackageFiles:
    """Read the packages' files into memory; raise BundleError if one is damaged."""
    found = PackageFiles()
    for path in sorted(debs):
        found.names.append(path.name.partition("_")[0])
        try:
            with tarfile.open(fileobj=io.BytesIO(_data_archive(path.read_bytes()))) as archive:
                _collect_files(archive, found)
        except (tarfile.TarError, ValueError, EOFError) as error:
            raise BundleError(f"{path} is damaged: {error}.", remedy=REBUILD_REMEDY) from error
    return found


def read_packages(debs: list[Path]) -> PackageFiles:
    """Read all packages of a bundle; raise BundleError if one is missing or damaged."""
    found = unpack_packages(debs)
    missing = sorted(set(PACKAGES) - set(found.names))
    if missing:
        raise BundleError(f"Packages are missing: {', '.join(missing)}.", remedy=REBUILD_REMEDY)
    return found


def _collect_files(archive: tarfile.TarFile, found: PackageFiles) -> None:
    for member in archive:
        path = posixpath.normpath(member.name)
        if member.issym():
            target = posixpath.join("/", posixpath.dirname(path), member.linkname)
            found.links[_merge_usr(path)] = _merge_usr(posixpath.normpath(target).lstrip("/"))
        elif (file := archive.extractfile(member)) is not None:
            found.files[_merge_usr(path)] = file.read()


def _merge_usr(path: str) -> str:
    """Return the path on a system where /lib links to /usr/lib; packages use both."""
    return f"usr/{path}" if path.startswith(("lib/", "lib64/")) else path


def _data_archive(package: bytes) -> bytes:
    """Return the data archive of a .deb, which is an ``ar`` archive."""
    if package[:8] != b"!<arch>\n":
        raise ValueError("not a Debian package")
    # ar: a 60-byte header (name at 0, decimal size at 48), then the data, padded to even length.
    offset = 8
    while offset + 60 <= len(package):
        name = package[offset : offset + 16].decode("ascii").strip().rstrip("/")
        size = int(package[offset + 48 : offset + 58])
        if name.startswith("data.tar"):
            if offset + 60 + size > len(package):
                break
            return package[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2
    raise ValueError("truncated")
