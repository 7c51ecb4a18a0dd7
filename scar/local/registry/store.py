"""Blobs, manifests and tags as files.

blobs/sha256/<hex>                      shared by all repositories
repositories/<quoted name>/blobs/<hex>      empty: the repository knows this blob
                          /manifests/<hex>  the manifest, its media type in its own text
                          /tags/<tag>       the digest
"""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
MANIFEST_LIMIT = 4 << 20  # the OCI distribution specification's


class RegistryStore:
    """The registry's folder. Safe with several threads: every change is one rename."""

    def __init__(self, folder: Path) -> None:
        self.incoming = folder / "incoming"
        self._blobs = folder / "blobs" / "sha256"
        self._repositories = folder / "repositories"
        shutil.rmtree(self.incoming, ignore_errors=True)  # uploads do not survive their server
        for part in (self.incoming, self._blobs, self._repositories):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)

    def blob_path(self, digest: str) -> Path:
        """Say where the blob is or would be."""
        return self._blobs / _hex_digest(digest)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether this repository may serve the blob."""
        return self._blob_link(repository, digest).is_file() and self.blob_path(digest).is_file()

    def add_blob(self, repository: str, digest: str, file: Path) -> None:
        """Keep a verified file as a blob; the file is moved."""
        file.replace(self.blob_path(digest))
        self._write_atomically(self._blob_link(repository, digest), b"")

    def mount(self, repository: str, digest: str, origin: str) -> bool:
        """Let a repository know another one's blob; False if that one does not have it."""
        if not self.has_blob(origin, digest):
            return False
        self._write_atomically(self._blob_link(repository, digest), b"")
        return True

    def delete_blob(self, repository: str, digest: str) -> bool:
        """Take the blob from the repository; its bytes go at the next start."""
        return _remove_if_present(self._blob_link(repository, digest))

    def find_digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag or of a digest that the repository has."""
        if not is_digest(reference):
            try:
                reference = (self._repository_folder(repository) / "tags" / reference).read_text()
            except FileNotFoundError:
                return None
        return reference if self._manifest_path(repository, reference).is_file() else None

    def read_manifest(self, repository: str, digest: str) -> bytes:
        """Return a manifest's bytes; FileNotFoundError if there is none."""
        return self._manifest_path(repository, digest).read_bytes()

    def put_manifest(self, repository: str, data: bytes, tag: str = "") -> str:
        """Keep a manifest and let the tag, if any, name it; return its digest."""
        digest = digest_of(data)
        self._write_atomically(self._manifest_path(repository, digest), data)
        if tag:
            self._write_atomically(
                self._repository_folder(repository) / "tags" / tag, digest.encode()
            )
        return digest

    def list_manifests(self, repository: str) -> list[str]:
        """List the digests of the repository's manifests, sorted."""
        return [
            f"sha256:{name}"
            for name in _list_names(self._repository_folder(repository) / "manifests")
        ]

    def pushed_at(self, repository: str, digest: str) -> float:
        """Say when a manifest was put last, in seconds since 1970; 0 if there is none."""
        try:
            return self._manifest_path(repository, digest).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def delete_repository(self, repository: str) -> None:
        """Remove all that was pushed to a repository; bytes that nobody uses go at next start."""
        folder = self._repository_folder(repository)
        gone = self.incoming / f"gone-{uuid.uuid4().hex}"
        try:
            folder.replace(gone)  # in one step: others may be pulling
        except FileNotFoundError:
            return
        shutil.rmtree(gone)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Remove a manifest and the tags that name it; False if there was none."""
        for tag in self.list_tags(repository):
            path = self._repository_folder(repository) / "tags" / tag
            if path.read_text() == digest:
                path.unlink(missing_ok=True)
        return _remove_if_present(self._manifest_path(repository, digest))

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Remove a tag; the manifest stays."""
        return _remove_if_present(self._repository_folder(repository) / "tags" / tag)

    def list_tags(self, repository: str) -> list[str]:
        """List the repository's tags, sorted."""
        return _list_names(self._repository_folder(repository) / "tags")

    def list_repositories(self) -> list[str]:
        """List the repositories that something was pushed to, sorted."""
        return sorted(unquote(name) for name in _list_names(self._repositories))

    def has_repository(self, repository: str) -> bool:
        """Tell whether anything was ever pushed to this repository."""
        return self._repository_folder(repository).is_dir()

    def collect_garbage(self) -> int:
        """Remove blobs that no manifest names; return their number. Only while nobody pushes."""
        used = {
            digest
            for repository in self.list_repositories()
            for digest in self._referenced_blobs(repository)
        }
        gone = 0
        for name in _list_names(self._blobs):
            if f"sha256:{name}" not in used:
                self.blob_path(f"sha256:{name}").unlink(missing_ok=True)
                gone += 1
        for repository in self.list_repositories():
            links = self._repository_folder(repository) / "blobs"
            for name in _list_names(links):
                if f"sha256:{name}" not in used:
                    (links / name).unlink(missing_ok=True)
        return gone

    def create_temporary_file(self) -> Path:
        """Create an empty private file for bytes on their way in."""
        handle, name = tempfile.mkstemp(dir=self.incoming)
        os.close(handle)
        return Path(name)

    def _referenced_blobs(self, repository: str) -> Iterator[str]:
        for name in _list_names(self._repository_folder(repository) / "manifests"):
            try:
                yield from list_manifest_blobs(self.read_manifest(repository, f"sha256:{name}"))
            except FileNotFoundError:
                continue

    def _write_atomically(self, target: Path, data: bytes) -> None:
        temporary = self.create_temporary_file()
        temporary.write_bytes(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)

    def _repository_folder(self, repository: str) -> Path:
        return self._repositories / quote(repository, safe="")

    def _blob_link(self, repository: str, digest: str) -> Path:
        return self._repository_folder(repository) / "blobs" / _hex_digest(digest)

    def _manifest_path(self, repository: str, digest: str) -> Path:
        return self._repository_folder(repository) / "manifests" / _hex_digest(digest)


def is_repository_name(name: str) -> bool:
    """Tell whether this is a repository name as the distribution specification has it."""
    return len(quote(name, safe="")) <= 250 and _NAME.match(name) is not None


def is_tag(text: str) -> bool:
    """Tell whether this is a tag as the distribution specification has it."""
    return _TAG.match(text) is not None


def list_manifest_blobs(manifest: bytes) -> tuple[str, ...]:
    """List the digests of a manifest's configuration and layers; an index has none."""
    document = expect_object(parse_json(manifest, "manifest"), "manifest")
    parts = list(expect_list(document.get("layers"), "manifest"))
    if "config" in document:
        parts.insert(0, document["config"])
    return tuple(_descriptor_digest(part) for part in parts)


def list_index_manifests(manifest: bytes) -> tuple[str, ...]:
    """List the digests of the manifests that an index names."""
    document = expect_object(parse_json(manifest, "manifest"), "manifest")
    return tuple(
        _descriptor_digest(part) for part in expect_list(document.get("manifests"), "manifest")
    )


def manifest_media_type(manifest: bytes) -> str:
    """Say what kind of manifest this is; OCI tools may leave its ``mediaType`` out."""
    document = expect_object(parse_json(manifest, "manifest"), "manifest")
    implied = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    return expect_text(document.get("mediaType"), "mediaType") or implied


def _descriptor_digest(part: Json) -> str:
    return _check_digest(expect_text(expect_object(part, "manifest").get("digest"), "digest"))


def _check_digest(text: str) -> str:
    if not is_digest(text):
        raise ImageError(f"{text!r} is not a SHA-256 digest.", remedy="Push the image again.")
    return text


def _hex_digest(digest: str) -> str:
    return _check_digest(digest).removeprefix("sha256:")


def _list_names(folder: Path) -> list[str]:
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
