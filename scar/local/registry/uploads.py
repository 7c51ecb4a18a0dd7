"""Blobs on their way in: hashed while they are written, in constant memory."""

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
    """One upload session of one repository; ``lock`` lets one request at a time write."""

    identity: str
    repository: str
    path: Path
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def append(self, body: RequestBody) -> None:
        """Append the body."""
        with self.path.open("r+b") as file:
            file.seek(self.size)
            file.truncate()
            while chunk := body.read(CHUNK):
                file.write(chunk)
                self.digest.update(chunk)
                self.size += len(chunk)


class BlobUploads:
    """The open upload sessions. A restart forgets them; clients then start again."""

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
        """Keep the upload as a blob if it has this digest; the session ends either way."""
        right = f"sha256:{upload.digest.hexdigest()}" == digest
        if right:
            self._store.add_blob(upload.repository, digest, upload.path)
        self.cancel(upload)
        return right

    def cancel(self, upload: BlobUpload) -> None:
        """End the session and remove its bytes."""
        with self._lock:
            self._open.pop(upload.identity, None)
        upload.path.unlink(missing_ok=True)
