"""Decoding of S3's ``aws-chunked`` bodies: chunks with or without signatures, then trailers."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.local.http.messages import RequestBody

_EMPTY = hashlib.sha256(b"").hexdigest()
_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
_MAX_LINE = 8192
_MAX_TRAILERS = 32
_READ = 65536


class MalformedChunksError(Exception):
    """The body is not aws-chunked, or ends early."""


class ChunkSignatureError(Exception):
    """The signature of a chunk or of the trailers does not match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSigner:
    """Computes the signatures of chunks; ``seed_signature`` is that of the request itself.

    Source: S3 API Reference, "Transferring Payload in Multiple Chunks".
    """

    key: bytes
    timestamp: str
    scope: str
    seed_signature: str

    def sign_chunk(self, previous: str, payload_sha256: str) -> str:
        return self._sign("AWS4-HMAC-SHA256-PAYLOAD", previous, f"{_EMPTY}\n{payload_sha256}")

    def sign_trailer(self, previous: str, trailer_sha256: str) -> str:
        return self._sign("AWS4-HMAC-SHA256-TRAILER", previous, trailer_sha256)

    def _sign(self, algorithm: str, previous: str, rest: str) -> str:
        text = f"{algorithm}\n{self.timestamp}\n{self.scope}\n{previous}\n{rest}"
        return hmac.digest(self.key, text.encode(), "sha256").hex()


class AwsChunkedBody:
    """A decoded body; ``trailers`` (names in lower case) is complete once ``read`` returned b"".

    ``read`` raises MalformedChunksError and, with a ``signer``, ChunkSignatureError. At most one
    piece of a chunk is in memory: bytes are returned before their chunk's signature is verified,
    so the caller must not use them before the body has ended.
    """

    def __init__(self, body: RequestBody, signer: ChunkSigner | None = None) -> None:
        self._body = body
        self._signer = signer
        self._previous = signer.seed_signature if signer else ""
        self._expected = ""
        self._sha256 = hashlib.sha256()
        self._buffer = b""
        self._left = 0
        self._done = False
        self.trailers: dict[str, str] = {}

    def read(self, size: int, /) -> bytes:
        if self._done or size <= 0:
            return b""
        if not self._left:
            self._open_chunk()
            if not self._left:
                self._read_trailers()
                return b""
        data = self._read_raw(min(size, self._left))
        self._left -= len(data)
        if self._signer:
            self._sha256.update(data)
        if not self._left:
            if self._read_line():
                raise MalformedChunksError("A chunk is longer than its declared size.")
            self._close_chunk()
        return data

    def _open_chunk(self) -> None:
        size, _, extension = self._read_line().partition(b";")
        if not _SIZE.fullmatch(size):
            raise MalformedChunksError("A chunk has no size line.")
        self._left = int(size, 16)
        self._expected = extension.decode("latin-1").partition("chunk-signature=")[2].strip()
        self._sha256 = hashlib.sha256()

    def _close_chunk(self) -> None:
        if not self._signer:
            return
        signature = self._signer.sign_chunk(self._previous, self._sha256.hexdigest())
        if not hmac.compare_digest(signature, self._expected):
            raise ChunkSignatureError
        # Each signature covers the one before it, so that chunks cannot be dropped or reordered.
        self._previous = signature

    def _read_trailers(self) -> None:
        self._done = True
        self._close_chunk()  # the last chunk is empty but signed
        lines: list[bytes] = []
        for _ in range(_MAX_TRAILERS):
            line = self._read_line(at_end=True)
            if not line:
                break
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()
            lines.append(line)
        while self._body.read(_READ):  # what follows the trailers is not part of the payload
            pass
        self._check_trailers(lines)

    def _check_trailers(self, lines: list[bytes]) -> None:
        signature = self.trailers.pop("x-amz-trailer-signature", "")
        signed = [line for line in lines if not line.startswith(b"x-amz-trailer-signature")]
        if not self._signer or not signed:
            return
        text = b"".join(line + b"\n" for line in signed)
        expected = self._signer.sign_trailer(self._previous, hashlib.sha256(text).hexdigest())
        if not hmac.compare_digest(signature, expected):
            raise ChunkSignatureError

    def _read_line(self, *, at_end: bool = False) -> bytes:
        while b"\r\n" not in self._buffer:
            more = self._body.read(_READ) if len(self._buffer) < _MAX_LINE else b""
            if not more:
                if at_end:  # some SDKs omit the last line break
                    line, self._buffer = self._buffer, b""
                    return line
                raise MalformedChunksError("A line of the chunked body is too long or incomplete.")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _read_raw(self, size: int) -> bytes:
        if self._buffer:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        data = self._body.read(size)
        if not data:
            raise MalformedChunksError("The body ends within a chunk.")
        return data
