"""Verify what is downloaded with the checksum that S3 sends with it."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = "x-amz-checksum-"


class ChecksumMismatchError(AwsError):
    """The content of a response does not have the checksum that S3 sent with it."""

    def __init__(self, expected: str, calculated: str) -> None:
        super().__init__(
            f"Expected checksum {expected} did not match calculated checksum: {calculated}",
            transient=True,
        )


class ContentVerifier:
    """Gets the content of a response block by block; knows the checksums that the SDK knows.

    Without the optional parts of the SDK these are CRC-32, SHA-1 and SHA-256. The checksum of an
    upload in parts, which ends in a dash and a number, is that of the parts' checksums.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._crc = 0
        self._hash = None
        self._expected = _read_checksum(headers, "crc32")
        if not self._expected:
            for name in ("sha1", "sha256"):
                if expected := _read_checksum(headers, name):
                    self._expected, self._hash = expected, hashlib.new(name)
                    break

    def update(self, data: bytes) -> None:
        """Take the next block."""
        if self._hash is not None:
            self._hash.update(data)
        elif self._expected:
            self._crc = zlib.crc32(data, self._crc)

    def check(self) -> None:
        """Raise ChecksumMismatchError if the blocks are not what S3 stored."""
        if not self._expected:
            return
        digest = self._crc.to_bytes(4, "big") if self._hash is None else self._hash.digest()
        calculated = b64encode(digest).decode()
        if calculated != self._expected:
            raise ChecksumMismatchError(self._expected, calculated)


def _read_checksum(headers: Mapping[str, str], name: str) -> str:
    found = headers.get(f"{_HEADER}{name}", "")
    return "" if "-" in found else found
