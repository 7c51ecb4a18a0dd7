"""Bodies on their way in: to memory if small, else to a file; counted, hashed, compared."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.http.aws_chunked import (
    AwsChunkedBody,
    ChunkSignatureMismatch,
    MalformedChunks,
)
from scar.local.http.bodies import BytesBody
from scar.local.s3.protocol.checksums import Algorithm, Hasher, encode, hasher
from scar.local.s3.protocol.errors import S3Error, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.local.http.messages import Body
    from scar.local.s3.storage.body_files import Blobs

INLINE = 64 << 10
"""Bodies up to this many bytes are kept in the database."""

MAX_SIZE = 5 << 30
"""Bytes of one PutObject or UploadPart. Source: S3 User Guide, limits."""

_PIECE = 1 << 18
_CHECKSUM = "x-amz-checksum-"
_NO_VALUES = {"x-amz-checksum-type", "x-amz-checksum-mode", "x-amz-checksum-algorithm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A body that arrived: either ``data`` or the name of its ``file``; ``md5`` in hex."""

    size: int
    md5: str
    sums: Mapping[str, str]
    data: bytes | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the headers say about the body; None: they do not say."""

    size: int | None = None
    md5: bytes | None = None
    sha256: str | None = None
    sums: Mapping[str, str]
    algorithms: frozenset[Algorithm]


def expectation(headers: Mapping[str, str]) -> Expectation:
    """Read the headers; raise S3Error for what S3 would refuse."""
    sums = {
        name.removeprefix(_CHECKSUM): value
        for name, value in headers.items()
        if name.startswith(_CHECKSUM) and name not in _NO_VALUES
    }
    trailers = headers.get("x-amz-trailer", "").lower().split(",")
    named = {t.strip().removeprefix(_CHECKSUM) for t in trailers if t.strip().startswith(_CHECKSUM)}
    named |= sums.keys()
    asked = headers.get("x-amz-sdk-checksum-algorithm") or headers.get(
        "x-amz-checksum-algorithm", ""
    )
    if not named and asked:
        named = {asked.lower()}
    sha256 = headers.get("x-amz-content-sha256", "")
    return Expectation(
        size=_size(headers),
        md5=_md5(headers.get("content-md5")),
        sha256=sha256 if re.fullmatch("[0-9a-f]{64}", sha256) else None,
        sums=sums,
        algorithms=frozenset(_algorithm(name) for name in named),
    )


def _size(headers: Mapping[str, str]) -> int | None:
    value = headers.get("x-amz-decoded-content-length", headers.get("content-length"))
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,18}", value):
        raise invalid("The length of the body is no number.")
    if int(value) > MAX_SIZE:
        raise S3Error(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            details={"ProposedSize": value, "MaxSizeAllowed": str(MAX_SIZE)},
        )
    return int(value)


def _md5(value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
    return digest


def _algorithm(name: str) -> Algorithm:
    try:
        return Algorithm(name)
    except ValueError as error:
        raise S3Error(
            400, "InvalidRequest", f"The checksum algorithm {name!r} is not one of S3's."
        ) from error


def verify(data: bytes, body: Body, expected: Expectation) -> None:
    """Raise S3Error unless ``data``, which was read from ``body``, is what was announced."""
    check = _Check(expected)
    for _ in check.pieces(BytesBody(data)):
        pass
    check.content(body)


class Ingest:
    """Streams bodies in; at most one piece of 256 KiB of each is in memory."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def take(self, body: Body, expected: Expectation, *, to_file: bool = False) -> Content:
        """Store and check one body; raise S3Error and leave nothing behind if it is not
        what was announced. The caller removes the file if it does not commit it.
        """
        check = _Check(expected)
        small = expected.size is not None and expected.size <= INLINE and not to_file
        try:
            if small:
                return check.content(body, data=b"".join(check.pieces(body)))
            return self._to_file(body, check)
        except MalformedChunks as error:
            raise S3Error(400, "IncompleteBody", str(error)) from error
        except ChunkSignatureMismatch as error:
            raise S3Error(
                403, "SignatureDoesNotMatch", "A chunk's signature does not match."
            ) from error

    def _to_file(self, body: Body, check: _Check) -> Content:
        name, file = self._blobs.create()
        try:
            with file:
                for piece in check.pieces(body):
                    view = memoryview(piece)
                    while view:
                        view = view[file.write(view) :]
                self._blobs.finish(file)
            return check.content(body, file=name)
        except BaseException:
            self._blobs.remove([name])
            raise


class _Check:
    def __init__(self, expected: Expectation) -> None:
        self._expected = expected
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if expected.sha256 else None
        self._sums = {algorithm: hasher(algorithm) for algorithm in expected.algorithms}
        self._all: list[Hasher] = [self._md5, *self._sums.values()]
        if self._sha256:
            self._all.append(self._sha256)

    def pieces(self, body: Body) -> Iterator[bytes]:
        """The body piece by piece, each one counted and hashed."""
        while piece := body.read(_PIECE):
            self._size += len(piece)
            if self._size > MAX_SIZE:
                raise S3Error(
                    400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"
                )
            for each in self._all:
                each.update(piece)
            yield piece

    def content(self, body: Body, *, data: bytes | None = None, file: str | None = None) -> Content:
        expected = self._expected
        if expected.size is not None and self._size != expected.size:
            raise S3Error(
                400,
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length"
                " HTTP header",
            )
        if expected.md5 is not None and expected.md5 != self._md5.digest():
            raise S3Error(
                400, "BadDigest", "The Content-MD5 you specified did not match what we received."
            )
        if self._sha256 and self._sha256.hexdigest() != expected.sha256:
            raise S3Error(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        return Content(
            size=self._size,
            md5=self._md5.hexdigest(),
            sums=self._checked_sums(body),
            data=data,
            file=file,
        )

    def _checked_sums(self, body: Body) -> dict[str, str]:
        given = dict(self._expected.sums)
        if isinstance(body, AwsChunkedBody):
            given |= {
                name.removeprefix(_CHECKSUM): value
                for name, value in body.trailers.items()
                if name.startswith(_CHECKSUM)
            }
        sums = {algorithm.value: encode(h.digest()) for algorithm, h in self._sums.items()}
        for name, value in sums.items():
            if given.get(name, value) != value:
                raise S3Error(
                    400,
                    "BadDigest",
                    f"The {name.upper()} you specified did not match the calculated checksum.",
                )
        return sums
