"""An HTTP request to AWS before it is signed, and the checksums of its body."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from supervisor.aws.errors import RequestBodyUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHUNK_SIZE = 1 << 18
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port; ``host`` without brackets, ``path`` a prefix without final /."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The Host header; the port only if it is not the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


class ReadableFile(Protocol):
    """An open file whose position does not matter: threads may read it at the same time."""

    @property
    def name(self) -> str:
        """The file's name, for messages."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``, b"" at the end of the file."""


@dataclass(frozen=True, slots=True)
class FileSlice:
    """A slice of a file as a request body, read again for each attempt, in constant memory."""

    file: ReadableFile
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield exactly ``size`` bytes; raise RequestBodyUnreadable if the file has fewer."""
        done = 0
        while done < self.size:
            try:
                chunk = self.file.read_at(self.offset + done, min(CHUNK_SIZE, self.size - done))
            except OSError as error:
                raise RequestBodyUnreadable(
                    f"Cannot read {self.file.name}: {error.strerror or error}.",
                    remedy="Check the disk that the file is on.",
                ) from error
            if not chunk:
                raise RequestBodyUnreadable(
                    f"{self.file.name} was truncated while it was sent.",
                    remedy="The script must finish its files before it ends.",
                )
            done += len(chunk)
            yield chunk


Body = bytes | FileSlice


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsRequest:
    """A request; ``path`` and ``query`` are not encoded yet, header names are lower case.

    ``known_payload_hash`` is the body's SHA-256 in hex, or UNSIGNED_PAYLOAD; empty: it is computed
    from the bytes.
    """

    method: str
    origin: Origin
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""
    known_payload_hash: str = ""

    @property
    def encoded_path(self) -> str:
        return quote(self.origin.path + self.path, safe="/~")

    @property
    def encoded_query(self) -> str:
        """The query as it is sent, sorted as the signature requires."""
        pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in self.query)
        return "&".join(f"{name}={value}" for name, value in pairs)

    @property
    def target(self) -> str:
        return f"{self.encoded_path}?{self.encoded_query}" if self.query else self.encoded_path

    @property
    def body_size(self) -> int:
        return self.body.size if isinstance(self.body, FileSlice) else len(self.body)

    @property
    def payload_hash(self) -> str:
        if self.known_payload_hash:
            return self.known_payload_hash
        if isinstance(self.body, FileSlice):
            raise TypeError("A file slice needs a payload hash, or UNSIGNED_PAYLOAD.")
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class BodyChecksums:
    """Checksums of a body: CRC-32 in base64, SHA-256 in hex or UNSIGNED_PAYLOAD.

    ``md5`` is the MD5 in base64 if it was requested.
    """

    crc32: str
    payload_hash: str
    md5: str = ""


def compute_checksums(body: Body, *, is_tls: bool, with_md5: bool = False) -> BodyChecksums:
    """Return the checksums; the body is read once.

    With TLS the CRC is enough for a file, and SHA-256 would cost time; plain HTTP needs both.
    Stores that do not know the CRC get MD5 and SHA-256.
    """
    chunks = body.chunks() if isinstance(body, FileSlice) else (body,)
    signed = not is_tls or with_md5 or isinstance(body, bytes)
    crc, sha, md5 = 0, hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        if signed:
            sha.update(chunk)
        if with_md5:
            md5.update(chunk)
    return BodyChecksums(
        b64encode(crc.to_bytes(4, "big")).decode(),
        sha.hexdigest() if signed else UNSIGNED_PAYLOAD,
        b64encode(md5.digest()).decode() if with_md5 else "",
    )
