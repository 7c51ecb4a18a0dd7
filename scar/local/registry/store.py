"""Blobs, manifests and tags as files.

blobs/sha256/<hex>                          the blob, shared by all repositories
repositories/<quoted name>/blobs/<hex>      empty: a link from the repository to the blob
                          /manifests/<hex>  the manifest, which contains its media type
                          /tags/<tag>       the digest of a manifest
deleted/<hex>                               empty: the blob was used by a deleted manifest
lost/<date>/<hex>                           blobs that no manifest explains, kept for days
incoming/                                   files being written
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from scar.image.errors import ImageError
from scar.image.formats.blobs import digest_of, is_digest
from scar.image.formats.manifest import (
    OCI_INDEX,
    OCI_MANIFEST,
    Json,
    expect_list,
    expect_object,
    expect_text,
    parse_json,
)
from scar.local.state.files import StateFileError
from scar.local.state.folders import create_folder, not_a_folder_error
from scar.local.state.lost_files import LostFiles
from scar.local.state.regular_files import NotRegularFileError, read_regular

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
MANIFEST_LIMIT = 4 << 20  # bytes; source: OCI distribution specification


class RegistryStore:
    """The registry's folder; safe with several threads, since every change is one rename."""

    def __init__(self, folder: Path) -> None:
        self.incoming = folder / "incoming"
        self._blobs = folder / "blobs" / "sha256"
        self._repositories = folder / "repositories"
        self._deleted = folder / "deleted"
        self._lost = LostFiles(folder / "lost")
        if self.incoming.is_dir():  # rmtree would wait for the writer of a pipe
            # Uploads do not survive their server.
            shutil.rmtree(self.incoming, ignore_errors=True)
        folders = (folder, self.incoming, self._blobs.parent, self._blobs, self._repositories)
        for subfolder in (*folders, self._deleted):
            create_folder(subfolder)

    def blob_path(self, digest: str) -> Path:
        """Return the path of the blob, which may not exist."""
        return self._blobs / _hex_digest(digest)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether the repository contains the blob."""
        return self._blob_link(repository, digest).is_file() and self.blob_path(digest).is_file()

    def add_blob(self, repository: str, digest: str, file: Path) -> None:
        """Store a verified file as a blob of the repository; the file is moved."""
        # The blob first: a link must not exist without its blob.
        file.replace(self.blob_path(digest))
        self._write_atomically(self._blob_link(repository, digest), b"")

    def mount(self, repository: str, digest: str, origin: str) -> bool:
        """Add a blob of the repository ``origin``; return False if it does not contain it."""
        if not self.has_blob(origin, digest):
            return False
        self._write_atomically(self._blob_link(repository, digest), b"")
        return True

    def delete_blob(self, repository: str, digest: str) -> bool:
        """Delete the blob from the repository; its bytes are removed at the next start."""
        return _remove_if_present(self._blob_link(repository, digest))

    def find_digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of the manifest with this tag or digest, None if there is none."""
        if not is_digest(reference):
            reference = _read_tag(self._repository_folder(repository) / "tags" / reference)
        if not is_digest(reference):
            return None
        return reference if self._manifest_path(repository, reference).is_file() else None

    def read_manifest(self, repository: str, digest: str) -> bytes:
        """Return a manifest's bytes; raise FileNotFoundError if it does not exist."""
        return read_regular(self._manifest_path(repository, digest), MANIFEST_LIMIT)

    def put_manifest(self, repository: str, data: bytes, tag: str = "") -> str:
        """Store a manifest, under a tag if one is given; return its digest."""
        digest = digest_of(data)
        self._write_atomically(self._manifest_path(repository, digest), data)
        if tag:
            self._write_atomically(
                self._repository_folder(repository) / "tags" / tag, digest.encode()
            )
        return digest

    def list_manifests(self, repository: str) -> list[str]:
        """Return the digests of the repository's manifests, sorted."""
        return [
            f"sha256:{name}"
            for name in _list_names(self._repository_folder(repository) / "manifests")
        ]

    def pushed_at(self, repository: str, digest: str) -> float:
        """Return when a manifest was last stored, in epoch seconds; 0 if it does not exist."""
        try:
            return self._manifest_path(repository, digest).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def delete_repository(self, repository: str) -> None:
        """Delete a repository's content; unreferenced blobs are removed at the next start."""
        folder = self._repository_folder(repository)
        for digest in self.list_manifests(repository):
            self._mark_blobs_deleted(repository, digest)
        removed = self.incoming / f"removed-{uuid.uuid4().hex}"
        try:
            folder.replace(removed)  # in one step: clients may be pulling
        except FileNotFoundError:
            return
        shutil.rmtree(removed)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Delete a manifest and its tags; return False if it does not exist."""
        # Tags first: a tag must not exist without its manifest.
        for tag in self.list_tags(repository):
            path = self._repository_folder(repository) / "tags" / tag
            if _read_tag(path) == digest:
                path.unlink(missing_ok=True)
        self._mark_blobs_deleted(repository, digest)
        return _remove_if_present(self._manifest_path(repository, digest))

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Delete a tag, but not its manifest; return False if it does not exist."""
        return _remove_if_present(self._repository_folder(repository) / "tags" / tag)

    def list_tags(self, repository: str) -> list[str]:
        """Return the repository's tags, sorted."""
        return _list_names(self._repository_folder(repository) / "tags")

    def list_repositories(self) -> list[str]:
        """Return the names of the repositories to which something was pushed, sorted."""
        return sorted(unquote(name) for name in _list_names(self._repositories))

    def has_repository(self, repository: str) -> bool:
        """Return whether anything was pushed to the repository."""
        return self._repository_folder(repository).is_dir()

    def collect_garbage(self) -> int:
        """Remove blobs whose last manifest was deleted; return their number.

        Other blobs that no manifest references are moved to ``lost``: a push was interrupted, or
        manifests are missing. Raise StateFileError if a manifest is damaged, since it is then
        unknown which blobs are in use. Must not be called during a push: its blobs are stored
        before their manifest.
        """
        used = {
            digest
            for repository in self.list_repositories()
            for digest in self._referenced_blobs(repository)
        }
        unused = [path for path in self._blobs.iterdir() if f"sha256:{path.name}" not in used]
        explained = set(_list_names(self._deleted))
        removed = [path for path in unused if path.name in explained]
        for path in removed:
            path.unlink(missing_ok=True)
        self._lost.take(path for path in unused if path.name not in explained)
        self._lost.remove_old()
        for name in explained:
            (self._deleted / name).unlink(missing_ok=True)
        self._remove_links_except(used)
        return len(removed)

    def set_blob_aside(self, path: Path) -> None:
        """Move the file of a damaged blob to ``lost``; do nothing if it does not exist."""
        if os.path.lexists(path):
            self._lost.take([path])

    def _remove_links_except(self, used: Container[str]) -> None:
        for repository in self.list_repositories():
            links = self._repository_folder(repository) / "blobs"
            for name in _list_names(links):
                if f"sha256:{name}" not in used:
                    (links / name).unlink(missing_ok=True)

    def create_temporary_file(self) -> Path:
        """Create an empty file, readable by its owner only, for bytes being received."""
        descriptor, name = tempfile.mkstemp(dir=self.incoming)
        os.close(descriptor)
        return Path(name)

    def _referenced_blobs(self, repository: str) -> Iterator[str]:
        self.list_tags(repository)  # raises if a file is in the place of the folder
        for name in _list_names(self._repository_folder(repository) / "manifests"):
            path = self._repository_folder(repository) / "manifests" / name
            try:
                data = read_regular(path, MANIFEST_LIMIT)
            except OSError as error:
                raise _damaged_manifest_error(path, repository, str(error.strerror)) from error
            if digest_of(data) != f"sha256:{name}":
                raise _damaged_manifest_error(path, repository, "its content has changed")
            yield from list_manifest_blobs(data)

    def _mark_blobs_deleted(self, repository: str, digest: str) -> None:
        """Note that the blobs of a manifest that is deleted now may be removed with it."""
        # Without a note (no such manifest, a damaged one, a full disk) they become lost files.
        with contextlib.suppress(OSError, ImageError):
            for blob in list_manifest_blobs(self.read_manifest(repository, digest)):
                self._write_atomically(self._deleted / _hex_digest(blob), b"")

    def _write_atomically(self, target: Path, data: bytes) -> None:
        temporary = self.create_temporary_file()
        try:
            temporary.write_bytes(data)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.replace(target)
        except BaseException:  # the disk is full
            temporary.unlink(missing_ok=True)
            raise

    def _repository_folder(self, repository: str) -> Path:
        return self._repositories / quote(repository, safe="")

    def _blob_link(self, repository: str, digest: str) -> Path:
        return self._repository_folder(repository) / "blobs" / _hex_digest(digest)

    def _manifest_path(self, repository: str, digest: str) -> Path:
        return self._repository_folder(repository) / "manifests" / _hex_digest(digest)


def _damaged_manifest_error(path: Path, repository: str, reason: str) -> StateFileError:
    return StateFileError(
        f"{path} is damaged: {reason}. It is the manifest of an image in the repository"
        f" {repository} of the local registry.",
        remedy="Restore it from a backup, or move it out of this folder: then functions that use"
        " the image need `scar init` again; its layers are moved to registry/lost and kept there"
        " for 7 days; all else is kept.",
    )


def is_repository_name(name: str) -> bool:
    """Return whether this is a repository name by the distribution specification.

    It must also fit into a file name, of at most 255 bytes, with its slashes quoted.
    """
    return len(quote(name, safe="")) <= 250 and _NAME.match(name) is not None


def is_tag(text: str) -> bool:
    """Return whether this is a tag by the distribution specification."""
    return _TAG.match(text) is not None


def list_manifest_blobs(manifest: bytes) -> tuple[str, ...]:
    """Return the digests of a manifest's configuration and layers; an index has none."""
    document = expect_object(parse_json(manifest, "manifest"), "manifest")
    descriptors = list(expect_list(document.get("layers"), "manifest"))
    if "config" in document:
        descriptors.insert(0, document["config"])
    return tuple(_descriptor_digest(descriptor) for descriptor in descriptors)


def list_index_manifests(manifest: bytes) -> tuple[str, ...]:
    """Return the digests of the manifests in an index."""
    document = expect_object(parse_json(manifest, "manifest"), "manifest")
    descriptors = expect_list(document.get("manifests"), "manifest")
    return tuple(_descriptor_digest(descriptor) for descriptor in descriptors)


def manifest_media_type(manifest: bytes) -> str:
    """Return a manifest's media type; without ``mediaType``, which OCI allows, that of OCI."""
    document = expect_object(parse_json(manifest, "manifest"), "manifest")
    default = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    return expect_text(document.get("mediaType"), "mediaType") or default


def _descriptor_digest(descriptor: Json) -> str:
    digest = expect_text(expect_object(descriptor, "manifest").get("digest"), "digest")
    return _check_digest(digest)


def _check_digest(text: str) -> str:
    # Digests become file names: anything else could point outside the folder.
    if not is_digest(text):
        raise ImageError(f"{text!r} is not a SHA-256 digest.", remedy="Push the image again.")
    return text


def _hex_digest(digest: str) -> str:
    return _check_digest(digest).removeprefix("sha256:")


def _read_tag(path: Path) -> str:
    """Return the digest of a tag, empty if there is none: missing, or a pipe in its place."""
    try:
        return read_regular(path).decode(errors="replace")
    except (FileNotFoundError, NotRegularFileError):
        return ""


def _list_names(folder: Path) -> list[str]:
    """Return the names in a folder, none if it does not exist; raise StateFileError for a file."""
    for path in (folder.parent, folder):
        if os.path.lexists(path) and not path.is_dir():
            raise not_a_folder_error(path)
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []


def _remove_if_present(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
