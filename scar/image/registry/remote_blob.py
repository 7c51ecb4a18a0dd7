"""Blobs in a registry, downloaded when they are read, in constant memory."""

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

# Per blob. Enough for 10 GB over a connection that breaks every 100 MB, but a limit nevertheless
# for a registry that sends a few bytes per request.
MAX_INTERRUPTIONS = 100
MAX_SLOW_BLOCKS = 3  # per blob: blocks that arrived too slowly, a minute each


@dataclass(frozen=True, slots=True)
class RemoteBlob:
    """A blob of one repository, by its digest; ``size`` in bytes."""

    transport: RegistryTransport = field(repr=False, compare=False)
    digest: str
    size: int

    def open(self) -> BinaryIO:
        """Open the content for reading from its start; reading raises RegistryError."""
        return io.BufferedReader(_ResumingReader(self), CHUNK_SIZE)


class _ResumingReader(io.RawIOBase):
    """Resumes interrupted downloads; raises RegistryError if the content is not the digest's."""

    def __init__(self, blob: RemoteBlob) -> None:
        self._blob = blob
        self._response: Response | None = None
        self._offset = 0
        self._hash = hashlib.sha256()
        self._failures = 0  # since the last bytes arrived
        self._interruptions = 0  # in all
        self._slow_blocks = 0  # in all

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), self._blob.size - self._offset)
        if not count:
            self._check_digest()
            return 0
        data = b""
        while not data:
            try:
                data = self._read_chunk(count)
            except TransientError as error:
                self._prepare_retry(error)
        buffer[: len(data)] = data
        self._hash.update(data)
        self._offset += len(data)
        self._failures = 0
        # Before the last bytes are returned: an upload that streams this blob must not complete
        # with wrong content.
        if self._offset == self._blob.size:
            self._check_digest()
        return len(data)

    def close(self) -> None:
        self._close_response()
        super().close()

    def _read_chunk(self, count: int) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            if self._response is None:
                self._response = self._open_response()
            data = self._blob.transport.client.read_block(self._response, count)
        except TimeoutError as error:
            self._slow_blocks += 1
            raise TransientError(
                f"Reading {self._blob_url} is too slow: {error}",
                max_attempts=MAX_ATTEMPTS if self._slow_blocks < MAX_SLOW_BLOCKS else 0,
                unreachable=True,
            ) from error
        except (HTTPError, OSError) as error:
            raise TransientError(f"Reading {self._blob_url} was interrupted: {error}") from error
        if not data:
            raise TransientError(f"Reading {self._blob_url} ended after {self._offset:,} bytes")
        return data

    def _open_response(self) -> Response:
        headers = {"Range": f"bytes={self._offset}-"} if self._offset else {}
        transport = self._blob.transport
        response = transport.open_once(f"blobs/{self._blob.digest}", headers)
        # A registry without Range requests sends the whole blob again: skip what was read before.
        if self._offset and response.status_code == 200:
            left = self._offset
            while left:
                skipped = len(transport.client.read_block(response, left))
                if not skipped:
                    raise TransientError(
                        f"Reading {self._blob_url} ended before {self._offset:,} bytes"
                    )
                left -= skipped
        return response

    def _prepare_retry(self, error: TransientError) -> None:
        self._close_response()
        self._failures += 1
        self._interruptions += 1
        # Progress resets the count of attempts, so a separate limit ends the download.
        attempt = MAX_ATTEMPTS if self._interruptions >= MAX_INTERRUPTIONS else self._failures
        self._blob.transport.pause_before_retry(attempt, error)

    def _close_response(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _check_digest(self) -> None:
        self._close_response()
        digest = f"sha256:{self._hash.hexdigest()}"
        if digest != self._blob.digest:
            raise RegistryError(
                f"The content of {self._blob_url} does not match its digest: it has {digest}.",
                remedy="The registry or a proxy returned corrupt data: try again, or use another"
                " registry.",
            )

    @property
    def _blob_url(self) -> str:
        transport = self._blob.transport
        return f"{transport.endpoint}/{transport.name}@{self._blob.digest}"
