"""Blobs (bytes with their digest, in memory, in a file or remote) and their cache on disk."""

from __future__ import annotations

import hashlib
import io
import os
import re
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
    """Return whether the text is a SHA-256 digest in the form ``sha256:<64 hex digits>``."""
    return _DIGEST.match(text) is not None


def digest_of(data: bytes) -> str:
    """Return the SHA-256 digest of the data as ``sha256:<64 hex digits>``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class RemoteContent(Protocol):
    """Content that is downloaded while it is read."""

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Content with its digest and its size in bytes; large content is a file or remote."""

    digest: str
    size: int
    data: bytes | Path | RemoteContent

    @classmethod
    def from_bytes(cls, data: bytes) -> Blob:
        return cls(digest=digest_of(data), size=len(data), data=data)

    def open(self) -> BinaryIO:
        """Open the content for reading; the caller closes it."""
        match self.data:
            case bytes():
                return io.BytesIO(self.data)
            case Path():
                return self.data.open("rb")
            case _:
                return self.data.open()


class BlobWriter:
    """A context manager that writes a blob to a cache, and discards it without ``commit``."""

    def __init__(self, cache: BlobCache) -> None:
        import tempfile  # here and below: `scar validate` only checks the text of digests

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
        """Store the written bytes under their digest, and return the blob."""
        self._file.close()
        digest = f"sha256:{self._hash.hexdigest()}"
        target = self._cache.blob_path(digest)
        # Atomic, and harmless if another process stores the same blob: the content is the same.
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
    """A private folder of blobs by digest, and of short texts ("notes") by key.

    Several processes may use it at once: files are written atomically. ``prune`` removes what was
    not used for ``KEEP_DAYS`` days.
    """

    KEEP_DAYS = 30

    def __init__(self, folder: Path) -> None:
        self.incoming = folder / "incoming"  # on the same file system, so that renames are atomic
        self._blobs = folder / "sha256"
        self._notes = folder / "notes"
        for part in (folder, self.incoming, self._blobs, self._notes):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> BlobCache:
        """Open the user's cache: ``$XDG_CACHE_HOME/scar/images`` or ``~/.cache/scar/images``."""
        home = (
            environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".cache"
        )
        return cls(Path(home) / "scar" / "images")

    def blob_path(self, digest: str) -> Path:
        """Return the path of the blob, which need not exist."""
        return self._blobs / digest.removeprefix("sha256:")

    def get(self, digest: str) -> Blob | None:
        """Return the blob and mark it as used; None if it is not in the cache."""
        path = self.blob_path(digest)
        try:
            os.utime(path)  # `prune` goes by this time
            return Blob(digest=digest, size=path.stat().st_size, data=path)
        except FileNotFoundError:
            return None

    def open_writer(self) -> BlobWriter:
        """Return a writer for a new blob."""
        return BlobWriter(self)

    def write_note(self, key: str, text: str) -> None:
        """Store a text under any key."""
        import tempfile

        with tempfile.NamedTemporaryFile("w", dir=self.incoming, delete=False) as file:
            file.write(text)
        Path(file.name).replace(self._note_path(key))

    def read_note(self, key: str) -> str | None:
        """Return the text of this key, None if there is none."""
        try:
            return self._note_path(key).read_text()
        except FileNotFoundError:
            return None

    def prune(self) -> None:
        """Remove what was not used for ``KEEP_DAYS`` days, and files of interrupted writers."""
        limit = time.time() - self.KEEP_DAYS * 86_400
        for part in (self.incoming, self._blobs, self._notes):
            for path in part.iterdir():
                try:
                    if path.stat().st_mtime < limit:
                        path.unlink()
                except FileNotFoundError:  # removed by another process
                    continue

    def _note_path(self, key: str) -> Path:
        return self._notes / hashlib.sha256(key.encode()).hexdigest()
