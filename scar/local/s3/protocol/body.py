"""Size and checksums of a request's body: as its headers declare them, and as received."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.http.aws_chunked import AwsChunkedBody
from scar.local.http.bodies import BytesBody
from scar.local.s3.protocol.checksums import ChecksumAlgorithm, Hasher, encode_digest, new_hasher
from scar.local.s3.protocol.errors import S3Error, invalid_argument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.local.http.messages import RequestBody

MAX_SIZE = 5 << 30
"""Most bytes of one PutObject or UploadPart. Source: S3 User Guide, limits."""

_PIECE = 1 << 18
_CHECKSUM = "x-amz-checksum-"
_NOT_CHECKSUMS = {"x-amz-checksum-type", "x-amz-checksum-mode", "x-amz-checksum-algorithm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedBody:
    """A received and verified body: its ``data``, or the name of the ``file`` that holds it.

    ``md5`` is hexadecimal, ``checksums`` are base64 by algorithm.
    """

    size: int
    md5: str
    checksums: Mapping[str, str]
    data: bytes | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedBody:
    """The body that the headers declare; None where they declare nothing.

    ``checksums`` are the declared values (base64 by algorithm); ``algorithms`` are all that are
    to be computed, also those whose value follows in a trailer.
    """

    size: int | None = None
    md5: bytes | None = None
    sha256: str | None = None
    checksums: Mapping[str, str]
    algorithms: frozenset[ChecksumAlgorithm]


def parse_expected_body(headers: Mapping[str, str]) -> ExpectedBody:
    """Parse the headers; raise S3Error for those that S3 rejects."""
    checksums = {
        name.removeprefix(_CHECKSUM): value
        for name, value in headers.items()
        if name.startswith(_CHECKSUM) and name not in _NOT_CHECKSUMS
    }
    trailers = [name.strip() for name in headers.get("x-amz-trailer", "").lower().split(",")]
    names = {name.removeprefix(_CHECKSUM) for name in trailers if name.startswith(_CHECKSUM)}
    names |= checksums.keys()
    requested = headers.get("x-amz-sdk-checksum-algorithm") or headers.get(
        "x-amz-checksum-algorithm", ""
    )
    if not names and requested:
        names = {requested.lower()}
    sha256 = headers.get("x-amz-content-sha256", "")
    return ExpectedBody(
        size=_parse_size(headers),
        md5=_parse_md5(headers.get("content-md5")),
        sha256=sha256 if re.fullmatch("[0-9a-f]{64}", sha256) else None,
        checksums=checksums,
        algorithms=frozenset(_parse_algorithm(name) for name in names),
    )


def _parse_size(headers: Mapping[str, str]) -> int | None:
    # Of an aws-chunked body, Content-Length counts the chunks' headers and signatures too.
    value = headers.get("x-amz-decoded-content-length", headers.get("content-length"))
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,18}", value):
        raise invalid_argument("Content-Length is not a number.")
    if int(value) > MAX_SIZE:
        raise S3Error(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            details={"ProposedSize": value, "MaxSizeAllowed": str(MAX_SIZE)},
        )
    return int(value)


def _parse_md5(value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
    return digest


def _parse_algorithm(name: str) -> ChecksumAlgorithm:
    try:
        return ChecksumAlgorithm(name)
    except ValueError as error:
        raise S3Error(
            400, "InvalidRequest", f"The checksum algorithm {name!r} is not supported."
        ) from error


def verify_body(data: bytes, body: RequestBody, expected: ExpectedBody) -> None:
    """Raise S3Error if ``data``, which was read from ``body``, is not the expected body."""
    check = BodyCheck(expected)
    for _ in check.read_pieces(BytesBody(data)):
        pass
    check.to_received_body(body)


class BodyCheck:
    """Hashes one body while it is read, then compares it with the expected one."""

    def __init__(self, expected: ExpectedBody) -> None:
        self._expected = expected
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)  # the ETag, always needed
        self._sha256 = hashlib.sha256() if expected.sha256 else None
        self._hashers = {algorithm: new_hasher(algorithm) for algorithm in expected.algorithms}
        self._all_hashers: list[Hasher] = [self._md5, *self._hashers.values()]
        if self._sha256:
            self._all_hashers.append(self._sha256)

    def read_pieces(self, body: RequestBody) -> Iterator[bytes]:
        """Yield the body in pieces of at most 256 KiB, each one counted and hashed."""
        while piece := body.read(_PIECE):
            self._size += len(piece)
            if self._size > MAX_SIZE:
                raise S3Error(
                    400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"
                )
            for hasher in self._all_hashers:
                hasher.update(piece)
            yield piece

    def to_received_body(
        self, body: RequestBody, *, data: bytes | None = None, file: str | None = None
    ) -> ReceivedBody:
        """Return the body, stored as ``data`` or ``file``; raise S3Error if it differs.

        Call it when the body has been read to its end: only then are its trailers known.
        """
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
        return ReceivedBody(
            size=self._size,
            md5=self._md5.hexdigest(),
            checksums=self._verify_checksums(body),
            data=data,
            file=file,
        )

    def _verify_checksums(self, body: RequestBody) -> dict[str, str]:
        declared = dict(self._expected.checksums)
        if isinstance(body, AwsChunkedBody):
            declared |= {
                name.removeprefix(_CHECKSUM): value
                for name, value in body.trailers.items()
                if name.startswith(_CHECKSUM)
            }
        checksums = {
            algorithm.value: encode_digest(hasher.digest())
            for algorithm, hasher in self._hashers.items()
        }
        for name, value in checksums.items():
            if declared.get(name, value) != value:
                raise S3Error(
                    400,
                    "BadDigest",
                    f"The {name.upper()} you specified did not match the calculated checksum.",
                )
        return checksums
