"""One repository of a registry, over its HTTP API (OCI distribution), without an engine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, urljoin

from scar.image.errors import RegistryError
from scar.image.formats.blobs import CHUNK_SIZE, Blob, digest_of
from scar.image.formats.manifest import INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES
from scar.image.registry.remote_blob import RemoteBlob
from scar.image.registry.transport import RegistryTransport, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.image.registry.credentials import Login

MAX_MANIFEST_SIZE = 4 << 20  # bytes; the specification's own limit
_DOCKER_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
# Always sent: without it, OCI images are "not found" and Docker's are converted to schema 1.
_ACCEPT = ", ".join([*MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES, f"{_DOCKER_SCHEMA_1};q=0.1"])


def _ignore_count(count: int) -> None:
    del count


class RepositoryClient:
    """Reads and writes blobs and manifests; every method raises RegistryError.

    ``endpoint`` is ``https://host`` or ``http://host:port``; ``push`` says whether it is to be
    written to.
    """

    def __init__(
        self,
        endpoint: str,
        name: str,
        login: Login | None = None,
        *,
        push: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        actions = "pull,push" if push else "pull"
        self._transport = RegistryTransport(endpoint, name, login, actions=actions, sleep=sleep)
        self.endpoint = self._transport.endpoint
        self.name = name

    def __enter__(self) -> RepositoryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def has_blob(self, digest: str) -> bool:
        """Tell whether the repository has the blob."""
        answer = self._transport.request("HEAD", f"blobs/{digest}", expected=(200, 404))
        return answer.status_code == 200

    def has_manifest(self, reference: str) -> bool:
        """Tell whether the repository has a manifest of this tag or digest."""
        answer = self._transport.request(
            "HEAD", f"manifests/{reference}", expected=(200, 404), headers={"Accept": _ACCEPT}
        )
        return answer.status_code == 200

    def get_manifest(self, reference: str) -> tuple[bytes, str]:
        """Return a manifest or index and its media type; one asked for by digest is checked."""
        answer = self._transport.request(
            "GET", f"manifests/{reference}", expected=(200,), headers={"Accept": _ACCEPT}
        )
        data = answer.content
        if len(data) > MAX_MANIFEST_SIZE:
            raise RegistryError(
                f"The manifest {self.name}:{reference} has {len(data):,} bytes.",
                remedy="No image has one so large; use another.",
            )
        told = answer.headers.get("Docker-Content-Digest", "")
        for digest in (reference, told):
            if digest.startswith("sha256:") and digest_of(data) != digest:
                raise RegistryError(
                    f"{self.endpoint} gives a manifest of {self.name} that is not {digest}.",
                    remedy="The registry or something on the way to it is broken.",
                )
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return data, media_type

    def remote_blob(self, digest: str, size: int) -> Blob:
        """Return a blob that is read from here when it is needed."""
        remote = RemoteBlob(self._transport, digest, size)
        return Blob(digest=digest, size=size, data=remote)

    def put_blob(
        self, blob: Blob, mount_from: str = "", on_sent: Callable[[int], None] = _ignore_count
    ) -> bool:
        """Upload a blob in one streamed request; an interrupted upload starts over.

        With ``mount_from``, a repository of the same registry that may have it, ask for that
        first. ``moved`` hears of bytes while they go, of negative ones if they go again; what
        it raises ends the upload. Return whether bytes were sent.
        """
        return self._transport.retry(lambda: self._upload_blob(blob, mount_from, on_sent))

    def put_manifest(self, manifest: Blob, media_type: str, reference: str = "") -> None:
        """Store a manifest under its digest, or under a tag."""
        with manifest.open() as file:
            data = file.read()
        answer = self._transport.request(
            "PUT",
            f"manifests/{reference or manifest.digest}",
            expected=(201,),
            headers={"Content-Type": media_type},
            data=data,
        )
        told = answer.headers.get("Docker-Content-Digest", manifest.digest)
        if told != manifest.digest:
            raise RegistryError(
                f"{self.endpoint} stored {self.name} as {told}, not as {manifest.digest}.",
                remedy="The registry changes images; it cannot be used.",
            )

    def delete_manifest(self, digest: str) -> None:
        """Remove a manifest; it may be gone already."""
        self._transport.request("DELETE", f"manifests/{digest}", expected=(202, 404))

    def _upload_blob(self, blob: Blob, mount_from: str, on_sent: Callable[[int], None]) -> bool:
        path = "blobs/uploads/"
        if mount_from:
            path += f"?mount={blob.digest}&from={quote(mount_from, safe='')}"
        started = self._transport.request_once("POST", path, expected=(201, 202))
        if started.status_code == 201:
            on_sent(blob.size)
            return False
        # A registry that cannot mount has begun an upload instead.
        place = urljoin(started.url, started.headers["Location"])
        place += f"{'&' if '?' in place else '?'}digest={blob.digest}"
        with blob.open() as file:
            body = _SizedBody(file, blob.size, on_sent)
            try:
                self._transport.request_once(
                    "PUT",
                    place,
                    expected=(201,),
                    headers={"Content-Type": "application/octet-stream"},
                    data=body if blob.size else b"",
                )
            except TransientError:
                on_sent(-body.sent)
                raise
        return True


class _SizedBody:
    """A file with a length, so that it is sent with Content-Length and not in chunks.

    It cannot be read but only walked through: what can be read is sent 16 KB at a time.
    """

    def __init__(self, file: BinaryIO, size: int, moved: Callable[[int], None]) -> None:
        self._file = file
        self._size = size
        self._on_sent = moved
        self.sent = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._file.read(CHUNK_SIZE):
            yield chunk
            self.sent += len(chunk)
            self._on_sent(len(chunk))
