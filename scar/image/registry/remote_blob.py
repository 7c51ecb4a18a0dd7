"""Blobs that are still in a registry: read when they are needed, in constant memory."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from scar.image.errors import RegistryError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.registry.transport import MAX_ATTEMPTS, TransientError

if TYPE_CHECKING:
    from requests import Response

    from scar.image.registry.transport import RegistryTransport

# A blob of 10 GB whose connection breaks every 100 MB arrives; one of a broken registry ends.
MAX_INTERRUPTIONS = 100


@dataclass(frozen=True, slots=True)
class RemoteBlob:
    """Where a blob is: in this repository, under its digest."""

    transport: RegistryTransport = field(repr=False, compare=False)
    digest: str
    size: int

    def open(self) -> BinaryIO:
        """Read it from its beginning; see ``_Stream``."""
        return io.BufferedReader(_ResumingReader(self), CHUNK_SIZE)


class _ResumingReader(io.RawIOBase):
    """Goes on where a connection broke; the end is only told if the digest is right.

    Raises RegistryError.
    """

    def __init__(self, blob: RemoteBlob) -> None:
        self._blob = blob
        self._response: Response | None = None
        self._offset = 0
        self._hash = hashlib.sha256()
        self._failures = 0
        self._interruptions = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._blob.size - self._offset)
        if not wanted:
            self._check_digest()
            return 0
        data = b""
        while not data:
            try:
                data = self._read_chunk(wanted)
            except TransientError as error:
                self._prepare_retry(error)
        buffer[: len(data)] = data
        self._hash.update(data)
        self._offset += len(data)
        self._failures = 0
        if self._offset == self._blob.size:
            self._check_digest()
        return len(data)

    def close(self) -> None:
        self._close_response()
        super().close()

    def _read_chunk(self, wanted: int) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            if self._response is None:
                self._response = self._open_response()
            data: bytes = self._response.raw.read(wanted)
        except (HTTPError, OSError) as error:
            raise TransientError(f"Reading {self._blob_url} was interrupted: {error}") from error
        if not data:
            raise TransientError(f"Reading {self._blob_url} ended after {self._offset:,} bytes")
        return data

    def _open_response(self) -> Response:
        headers = {"Accept-Encoding": "identity"}
        if self._offset:
            headers["Range"] = f"bytes={self._offset}-"
        answer = self._blob.transport.request_once(
            "GET", f"blobs/{self._blob.digest}", expected=(200, 206), headers=headers, stream=True
        )
        if self._offset and answer.status_code == 200:  # this registry begins anew
            left = self._offset
            while left:
                passed = len(answer.raw.read(min(left, CHUNK_SIZE)))
                if not passed:
                    raise TransientError(
                        f"Reading {self._blob_url} ended before {self._offset:,} bytes"
                    )
                left -= passed
        return answer

    def _prepare_retry(self, error: TransientError) -> None:
        self._close_response()
        self._failures += 1
        self._interruptions += 1
        attempt = MAX_ATTEMPTS if self._interruptions >= MAX_INTERRUPTIONS else self._failures
        self._blob.transport.pause_before_retry(attempt, error)

    def _close_response(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _check_digest(self) -> None:
        self._close_response()
        found = f"sha256:{self._hash.hexdigest()}"
        if found != self._blob.digest:
            raise RegistryError(
                f"{self._blob_url} has other content than its digest says: {found}.",
                remedy="The registry or something on the way to it is broken; use another one.",
            )

    @property
    def _blob_url(self) -> str:
        transport = self._blob.transport
        return f"{transport.endpoint}/{transport.name}@{self._blob.digest}"
