"""S3's checksums: CRC32, CRC32C, CRC64NVME, SHA1, SHA256; and the CRC of concatenated parts."""

from __future__ import annotations

import base64
import enum
import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class ChecksumAlgorithm(enum.StrEnum):
    """S3's checksum algorithms, spelled as in the headers ``x-amz-checksum-…``."""

    CRC32 = "crc32"
    CRC32C = "crc32c"
    CRC64NVME = "crc64nvme"
    SHA1 = "sha1"
    SHA256 = "sha256"


class Hasher(Protocol):
    """Computes a digest of bytes; that of a CRC is big-endian."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _CrcParameters:
    """A reflected CRC whose initial value and final XOR are all ones."""

    polynomial: int
    size: int  # bytes


_CRC_PARAMETERS = {
    ChecksumAlgorithm.CRC32: _CrcParameters(0xEDB88320, 4),
    ChecksumAlgorithm.CRC32C: _CrcParameters(0x82F63B78, 4),
    ChecksumAlgorithm.CRC64NVME: _CrcParameters(0x9A6C9329AC4BC9B5, 8),
}


def new_hasher(algorithm: ChecksumAlgorithm) -> Hasher:
    """Return a new hasher; CRC32C and CRC64NVME are computed in Python, at about 5 MB/s."""
    if algorithm is ChecksumAlgorithm.CRC32:
        return _ZlibCrc32()
    crc = _CRC_PARAMETERS.get(algorithm)
    return _TableCrc(crc) if crc else hashlib.new(algorithm.value, usedforsecurity=False)


def encode_digest(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


class _ZlibCrc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


@cache
def _crc_table(crc: _CrcParameters) -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (crc.polynomial if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


class _TableCrc:
    def __init__(self, crc: _CrcParameters) -> None:
        self._table = _crc_table(crc)
        self._size = crc.size
        self._ones = (1 << 8 * crc.size) - 1
        self._value = self._ones

    def update(self, data: bytes, /) -> None:
        value, table = self._value, self._table
        for byte in data:
            value = table[(value ^ byte) & 255] ^ value >> 8
        self._value = value

    def digest(self) -> bytes:
        return (self._value ^ self._ones).to_bytes(self._size, "big")


def combine_crcs(algorithm: ChecksumAlgorithm, parts: Iterable[tuple[bytes, int]]) -> bytes:
    """Return the CRC of concatenated parts from the (digest, length) of each, in order.

    crc(A+B) = crc(A)·x^(8·len B) + crc(B) modulo the polynomial. Raise KeyError for the
    SHA algorithms, which cannot be combined.
    """
    crc = _CRC_PARAMETERS[algorithm]
    total = 0  # the CRC of no bytes: initial value and final XOR cancel each other
    for digest, length in parts:
        total = _multiply_polynomials(crc, total, _power_of_x(crc, 8 * length)) ^ int.from_bytes(
            digest, "big"
        )
    return total.to_bytes(crc.size, "big")


def _multiply_polynomials(crc: _CrcParameters, a: int, b: int) -> int:
    """Return the product of two reflected polynomials: their highest bit is the power zero."""
    bit, product = 1 << (8 * crc.size - 1), 0
    while bit:
        if a & bit:
            product ^= b
        b = b >> 1 ^ (crc.polynomial if b & 1 else 0)
        bit >>= 1
    return product


def _power_of_x(crc: _CrcParameters, exponent: int) -> int:
    """Return x to the power of ``exponent``, by repeated squaring."""
    result = 1 << (8 * crc.size - 1)
    square = result >> 1
    while exponent:
        if exponent & 1:
            result = _multiply_polynomials(crc, result, square)
        square = _multiply_polynomials(crc, square, square)
        exponent >>= 1
    return result
