"""A client for one repository of a registry: blobs and manifests over the OCI distribution API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, urljoin, urlsplit

from scar.image.errors import ImageError, RegistryError
from scar.image.formats.blobs import CHUNK_SIZE, Blob, digest_of
from scar.image.formats.manifest import INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES
from scar.image.registry.remote_blob import RemoteBlob
from scar.image.registry.transport import RegistryTransport, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.image.registry.credentials import Login
    from scar.image.registry.deadlines import TransferLimits

MAX_MANIFEST_SIZE = 4 << 20  # bytes: the size that the OCI specification asks registries to accept
_DOCKER_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
# Sent with each request for a manifest: without it, registries return 404 for OCI images, and
# convert Docker's to schema 1. Schema 1 is listed so that old images get a specific error.
_ACCEPT = ", ".join([*MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES, f"{_DOCKER_SCHEMA_1};q=0.1"])


def _ignore_count(count: int) -> None:
    del count


class RepositoryClient:
    """Reads and writes the blobs and manifests of a repository; all methods raise RegistryError.

    ``endpoint`` is ``https://host`` or ``http://host:port``. With ``push``, the client requests a
    token that permits uploads. A context manager; safe to share between threads.
    """

    def __init__(
        self,
        endpoint: str,
        name: str,
        login: Login | None = None,
        *,
        push: bool = True,
        sleep: Callable[[float], None] = time.sleep,
        limits: TransferLimits | None = None,
    ) -> None:
        actions = "pull,push" if push else "pull"
        self._transport = RegistryTransport(
            endpoint, name, login, actions=actions, sleep=sleep, limits=limits
        )
        self.endpoint = self._transport.endpoint
        self.name = name

    def __enter__(self) -> RepositoryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def has_blob(self, digest: str) -> bool:
        """Return whether the repository has the blob."""
        response = self._transport.request("HEAD", f"blobs/{digest}", expected=(200, 404))
        return response.status == 200

    def has_manifest(self, reference: str) -> bool:
        """Return whether the repository has a manifest with this tag or digest."""
        response = self._transport.request(
            "HEAD", f"manifests/{reference}", expected=(200, 404), headers={"Accept": _ACCEPT}
        )
        return response.status == 200

    def get_manifest(self, reference: str) -> tuple[bytes, str]:
        """Return a manifest or index, and its media type.

        Raise RegistryError if its content does not match the digest in ``reference``.
        """
        response = self._transport.request(
            "GET", f"manifests/{reference}", expected=(200,), headers={"Accept": _ACCEPT}
        )
        data = response.body
        # For a tag, the header at least detects data that was corrupted on the way.
        header = response.headers.get("Docker-Content-Digest", "")
        for digest in (reference, header):
            if digest.startswith("sha256:") and digest_of(data) != digest:
                raise RegistryError(
                    f"{self.endpoint} returned a manifest of {self.name} that does not match its"
                    f" digest {digest}.",
                    remedy="The registry or a proxy returned corrupt data: try again.",
                )
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type == "text/html":
            raise RegistryError(
                f"{self.endpoint} did not answer as a registry: it returned a web page.",
                remedy="Check the image's name and the network: a proxy, or the login page of a"
                " network, may have answered instead.",
            )
        return data, media_type

    def remote_blob(self, digest: str, size: int) -> Blob:
        """Return a blob whose content is downloaded when it is read; ``size`` in bytes."""
        remote = RemoteBlob(self._transport, digest, size)
        return Blob(digest=digest, size=size, data=remote)

    def put_blob(
        self, blob: Blob, mount_from: str = "", on_sent: Callable[[int], None] = _ignore_count
    ) -> bool:
        """Upload a blob in one streamed request, or mount it; return whether bytes were sent.

        ``mount_from`` is another repository of the same registry that may have the blob.
        ``on_sent`` is called with the number of bytes of each chunk, and with a negative number
        before an interrupted upload starts again; an exception that it raises cancels the upload.
        """
        return self._transport.retry(lambda: self._upload_blob(blob, mount_from, on_sent))

    def put_manifest(self, manifest: Blob, media_type: str, reference: str = "") -> None:
        """Store a manifest under its digest, or under a tag."""
        with manifest.open() as file:
            data = file.read()
        response = self._transport.request(
            "PUT",
            f"manifests/{reference or manifest.digest}",
            expected=(201,),
            headers={"Content-Type": media_type},
            data=data,
        )
        # Functions and job definitions refer to the digest that was computed here.
        stored = response.headers.get("Docker-Content-Digest", manifest.digest)
        if stored != manifest.digest:
            raise RegistryError(
                f"{self.endpoint} stored {self.name} as {stored}, not as {manifest.digest}.",
                remedy="The registry modifies images: use another one.",
            )

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest, if it exists."""
        self._transport.request("DELETE", f"manifests/{digest}", expected=(202, 404))

    def _upload_blob(self, blob: Blob, mount_from: str, on_sent: Callable[[int], None]) -> bool:
        # Each attempt starts a new upload session: registries differ in how a session is resumed,
        # and the clients of ECR do not resume.
        path = "blobs/uploads/"
        if mount_from:
            path += f"?mount={blob.digest}&from={quote(mount_from, safe='')}"
        started = self._transport.request_once("POST", path, expected=(201, 202))
        if started.status == 201:
            on_sent(blob.size)
            return False
        # 202: a registry that cannot mount the blob has started an upload instead. The location
        # may be relative, on another host, and contain the state of the session in its query.
        location = self._upload_location(started.url, started.headers.get("Location", ""))
        location += f"{'&' if '?' in location else '?'}digest={blob.digest}"
        with blob.open() as file:
            body = _SizedBody(file, blob.size, on_sent)
            try:
                self._transport.request_once(
                    "PUT",
                    location,
                    expected=(201,),
                    headers={"Content-Type": "application/octet-stream"},
                    # `requests` sends an iterable of length 0 chunked.
                    data=body if blob.size else b"",
                )
            except TransientError:
                on_sent(-body.sent)  # the next attempt sends these bytes again
                raise
        return True

    def _upload_location(self, url: str, location: str) -> str:
        """Return where the registry wants the blob; raise RegistryError for no or a bad address."""
        target = urljoin(url, location)
        if not location or not target.startswith((f"{urlsplit(url).scheme}://", "https://")):
            raise RegistryError(
                f"{self.endpoint} began an upload to an invalid or insecure address:"
                f" {location.partition('?')[0]!r}.",
                remedy="Try again; if the error persists, report it to the registry's operator.",
            )
        return target


class _SizedBody:
    """A request body with a length, so that it is sent with Content-Length and not chunked.

    It is an iterable without ``read``: bodies that have the method are sent in blocks of 16 KB.
    """

    def __init__(self, file: BinaryIO, size: int, on_sent: Callable[[int], None]) -> None:
        self._file = file
        self._size = size
        self._on_sent = on_sent
        self.sent = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._read_chunk():
            yield chunk
            self.sent += len(chunk)
            self._on_sent(len(chunk))

    def _read_chunk(self) -> bytes:
        try:
            return self._file.read(CHUNK_SIZE)
        except OSError as error:  # not to be taken for a failure of the connection
            raise ImageError(
                f"A layer cannot be read from the cache: {error.strerror or error}.",
                remedy="Check the disk, then try again.",
            ) from error
