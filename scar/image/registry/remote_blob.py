"""Blobs that are still in a registry: read when they are needed, in constant memory."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from scar.image.errors import RegistryError
from scar.image.formats.blobs import CHUNK
from scar.image.registry.transport import ATTEMPTS, Passing

if TYPE_CHECKING:
    from requests import Response

    from scar.image.registry.transport import Transport

# A blob of 10 GB whose connection breaks every 100 MB arrives; one of a broken registry ends.
INTERRUPTIONS = 100


@dataclass(frozen=True, slots=True)
class RemoteBlob:
    """Where a blob is: in this repository, under its digest."""

    transport: Transport = field(repr=False, compare=False)
    digest: str
    size: int

    def open(self) -> BinaryIO:
        """Read it from its beginning; see ``_Stream``."""
        return io.BufferedReader(_Stream(self), CHUNK)


class _Stream(io.RawIOBase):
    """Goes on where a connection broke; the end is only told if the digest is right.

    Raises RegistryError.
    """

    def __init__(self, blob: RemoteBlob) -> None:
        self._blob = blob
        self._answer: Response | None = None
        self._at = 0
        self._hash = hashlib.sha256()
        self._failures = 0
        self._interruptions = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._blob.size - self._at)
        if not wanted:
            self._check()
            return 0
        data = b""
        while not data:
            try:
                data = self._piece(wanted)
            except Passing as error:
                self._again(error)
        buffer[: len(data)] = data
        self._hash.update(data)
        self._at += len(data)
        self._failures = 0
        if self._at == self._blob.size:
            self._check()
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _piece(self, wanted: int) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            if self._answer is None:
                self._answer = self._ask()
            data: bytes = self._answer.raw.read(wanted)
        except (HTTPError, OSError) as error:
            raise Passing(f"Reading {self._name} was interrupted: {error}") from error
        if not data:
            raise Passing(f"Reading {self._name} ended after {self._at:,} bytes")
        return data

    def _ask(self) -> Response:
        headers = {"Accept-Encoding": "identity"}
        if self._at:
            headers["Range"] = f"bytes={self._at}-"
        answer = self._blob.transport.once(
            "GET", f"blobs/{self._blob.digest}", expected=(200, 206), headers=headers, stream=True
        )
        if self._at and answer.status_code == 200:  # this registry begins anew
            left = self._at
            while left:
                passed = len(answer.raw.read(min(left, CHUNK)))
                if not passed:
                    raise Passing(f"Reading {self._name} ended before {self._at:,} bytes")
                left -= passed
        return answer

    def _again(self, error: Passing) -> None:
        self._drop()
        self._failures += 1
        self._interruptions += 1
        attempt = ATTEMPTS if self._interruptions >= INTERRUPTIONS else self._failures
        self._blob.transport.pause(attempt, error)

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _check(self) -> None:
        self._drop()
        found = f"sha256:{self._hash.hexdigest()}"
        if found != self._blob.digest:
            raise RegistryError(
                f"{self._name} has other content than its digest says: {found}.",
                remedy="The registry or something on the way to it is broken; use another one.",
            )

    @property
    def _name(self) -> str:
        transport = self._blob.transport
        return f"{transport.endpoint}/{transport.name}@{self._blob.digest}"
