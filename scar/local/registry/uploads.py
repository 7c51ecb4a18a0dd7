"""Uploads of blobs: hashed while they are written to a file, in constant memory."""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from scar.local.http.messages import RequestBody
    from scar.local.registry.store import RegistryStore

CHUNK = 1 << 18


@dataclass(slots=True, kw_only=True)
class BlobUpload:
    """One upload session of a repository; hold ``lock`` to write to it."""

    identity: str
    repository: str
    path: Path
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def append(self, body: RequestBody) -> None:
        """Append a request's body to the upload."""
        with self.path.open("r+b") as file:
            # An interrupted request may have written bytes that are not in ``size`` and digest.
            file.seek(self.size)
            file.truncate()
            while chunk := body.read(CHUNK):
                file.write(chunk)
                self.digest.update(chunk)
                self.size += len(chunk)


class BlobUploads:
    """The open upload sessions; they are lost at a restart, and clients start them again."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store
        self._open: dict[str, BlobUpload] = {}
        self._lock = threading.Lock()

    def start(self, repository: str) -> BlobUpload:
        upload = BlobUpload(
            identity=secrets.token_hex(16),
            repository=repository,
            path=self._store.create_temporary_file(),
        )
        with self._lock:
            self._open[upload.identity] = upload
        return upload

    def get(self, repository: str, identity: str) -> BlobUpload | None:
        with self._lock:
            upload = self._open.get(identity)
        return upload if upload is not None and upload.repository == repository else None

    def finish(self, upload: BlobUpload, digest: str) -> bool:
        """Store the upload as a blob and return True if it has this digest; end the session."""
        matches = f"sha256:{upload.digest.hexdigest()}" == digest
        if matches:
            self._store.add_blob(upload.repository, digest, upload.path)
        self.cancel(upload)
        return matches

    def cancel(self, upload: BlobUpload) -> None:
        """End the session and remove its file."""
        with self._lock:
            self._open.pop(upload.identity, None)
        upload.path.unlink(missing_ok=True)
