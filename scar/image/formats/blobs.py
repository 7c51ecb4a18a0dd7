"""Bytes known by their digest, in memory or in a file, and the folder that keeps them."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

CHUNK_SIZE = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def is_digest(text: str) -> bool:
    """Tell whether this is a SHA-256 digest as registries write it."""
    return _DIGEST.match(text) is not None


def digest_of(data: bytes) -> str:
    """Return the digest as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class RemoteContent(Protocol):
    """Bytes that are fetched when they are read."""

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes with their digest and size; ``data`` is a file, or elsewhere, if they may be many."""

    digest: str
    size: int
    data: bytes | Path | RemoteContent

    @classmethod
    def from_bytes(cls, data: bytes) -> Blob:
        return cls(digest=digest_of(data), size=len(data), data=data)

    def open(self) -> BinaryIO:
        """Open the bytes for reading; the caller closes."""
        match self.data:
            case bytes():
                return io.BytesIO(self.data)
            case Path():
                return self.data.open("rb")
            case _:
                return self.data.open()


class BlobWriter:
    """Writes one blob of a cache: nothing is visible before ``commit``, nothing stays without."""

    def __init__(self, cache: BlobCache) -> None:
        self._cache = cache
        handle, name = tempfile.mkstemp(dir=cache.incoming)
        self._file = os.fdopen(handle, "wb")
        self._path = Path(name)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def commit(self) -> Blob:
        """Keep what was written under its digest."""
        self._file.close()
        digest = f"sha256:{self._hash.hexdigest()}"
        target = self._cache.blob_path(digest)
        self._path.replace(target)
        return Blob(digest=digest, size=self._size, data=target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class BlobCache:
    """A private folder of blobs by digest, with notes about where they came from.

    Safe with several writers: every file appears whole. What was not used for
    ``KEEP_DAYS`` days goes when ``prune`` is called.
    """

    KEEP_DAYS = 30

    def __init__(self, folder: Path) -> None:
        self.incoming = folder / "incoming"
        self._blobs = folder / "sha256"
        self._notes = folder / "notes"
        for part in (folder, self.incoming, self._blobs, self._notes):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> BlobCache:
        """Open the user's own cache: ``$XDG_CACHE_HOME/scar/images`` or ``~/.cache/…``."""
        home = (
            environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".cache"
        )
        return cls(Path(home) / "scar" / "images")

    def blob_path(self, digest: str) -> Path:
        """Say where the blob is or would be."""
        return self._blobs / digest.removeprefix("sha256:")

    def get(self, digest: str) -> Blob | None:
        """Return the blob if it is here, and mark it as used."""
        path = self.blob_path(digest)
        try:
            os.utime(path)
            return Blob(digest=digest, size=path.stat().st_size, data=path)
        except FileNotFoundError:
            return None

    def open_writer(self) -> BlobWriter:
        """Start a new blob."""
        return BlobWriter(self)

    def write_note(self, key: str, text: str) -> None:
        """Remember a text under any key."""
        with tempfile.NamedTemporaryFile("w", dir=self.incoming, delete=False) as file:
            file.write(text)
        Path(file.name).replace(self._note_path(key))

    def read_note(self, key: str) -> str | None:
        """Return the text noted under this key, if it is still here."""
        try:
            return self._note_path(key).read_text()
        except FileNotFoundError:
            return None

    def prune(self) -> None:
        """Remove what was not used for a month, and what broken writers left."""
        limit = time.time() - self.KEEP_DAYS * 86_400
        for part in (self.incoming, self._blobs, self._notes):
            for path in part.iterdir():
                try:
                    if path.stat().st_mtime < limit:
                        path.unlink()
                except FileNotFoundError:  # another process prunes too
                    continue

    def _note_path(self, key: str) -> Path:
        return self._notes / hashlib.sha256(key.encode()).hexdigest()
