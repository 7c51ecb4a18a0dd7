"""Decompresses gzip, bzip2, xz and zstd in bounded memory, within the limits of an image."""

from __future__ import annotations

import bz2
import lzma
import zlib
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol

from scar.errors import ConfigurationError
from scar.image.errors import ImageError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.chunks import chunks_to_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.image.formats.unpacking_limits import UnpackedSize

# Bytes per call: what follows the end of a gzip member is copied once per member, and hostile
# streams have a member every 20 bytes.
_SLICE_SIZE = 16 << 10
_XZ_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB


class Compression(StrEnum):
    """How a file is compressed."""

    NONE = ""
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"


_MAGIC_NUMBERS = {
    b"\x1f\x8b": Compression.GZIP,
    b"BZh": Compression.BZIP2,
    b"\xfd7zXZ\0": Compression.XZ,
    b"\x28\xb5\x2f\xfd": Compression.ZSTD,  # RFC 8878
}


def detect_compression(head: bytes) -> Compression:
    """Return the compression of a file from its first bytes."""
    for magic, compression in _MAGIC_NUMBERS.items():
        if head.startswith(magic):
            return compression
    return Compression.NONE


def decompress(
    chunks: Iterator[bytes], compression: Compression, size: UnpackedSize
) -> Iterator[bytes]:
    """Yield the decompressed bytes, at most ``CHUNK_SIZE`` at once, and add them to ``size``.

    All of ``chunks`` is consumed. Raise ImageError if the data is truncated or corrupt, and
    ImageTooLargeError if it expands too far. Uncompressed data is passed through and not counted.
    """
    if compression is Compression.NONE:
        yield from chunks
        return
    packed = unpacked = 0

    def count_packed() -> Iterator[bytes]:
        nonlocal packed
        for chunk in chunks:
            packed += len(chunk)
            yield chunk

    try:
        for data in _decompress_stream(count_packed(), compression):
            unpacked += len(data)
            size.check_ratio(packed, unpacked)
            size.add(len(data))
            yield data
    except (EOFError, zlib.error, lzma.LZMAError, _CorruptDataError) as error:
        raise ImageError(
            f"{size.subject} cannot be decompressed: its {compression} data is truncated or"
            f" corrupt ({error}).",
            remedy="Download or write the file again, and compare its size or checksum.",
        ) from error


class _CorruptDataError(Exception):
    """The compressed data is invalid; the libraries of bzip2 and zstd have no own class for it."""


def _decompress_stream(chunks: Iterator[bytes], compression: Compression) -> Iterator[bytes]:
    match compression:
        case Compression.GZIP:
            return _decompress_members(chunks, _GzipMember)
        case Compression.BZIP2:
            return _decompress_members(chunks, _Bzip2Member)
        case Compression.XZ:
            return _decompress_members(chunks, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY))
        case _:
            return _decompress_zstd(chunks_to_file(chunks))


class _Member(Protocol):
    """The interface of the decompressors of bz2 and lzma."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class _GzipMember:
    """A gzip decompressor with the interface of those of bz2 and lzma."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        result = self._inflate.decompress(data or self._inflate.unconsumed_tail, max_length)
        # A full result: there may be more, even without input.
        self.needs_input = not self._inflate.unconsumed_tail and len(result) < max_length
        return result


class _Bzip2Member:
    """A bzip2 decompressor that raises an exception of its own, and not OSError."""

    def __init__(self) -> None:
        self._decompressor = bz2.BZ2Decompressor()

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def needs_input(self) -> bool:
        return self._decompressor.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._decompressor.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        try:
            return self._decompressor.decompress(data, max_length)
        except OSError as error:
            raise _CorruptDataError(str(error)) from error


def _decompress_members(chunks: Iterator[bytes], new: Callable[[], _Member]) -> Iterator[bytes]:
    """Decompress members in a row, as parallel compressors such as pigz write them."""
    member: _Member | None = new()
    for data in _slice_chunks(chunks):
        rest = data
        while rest or (member is not None and not member.needs_input):
            if member is None:
                rest = rest.lstrip(b"\0")  # padding between and after members
                if not rest:
                    break
                member = new()
            yield member.decompress(rest, CHUNK_SIZE)
            rest = b""
            if member.eof:
                rest, member = member.unused_data, None
    if member is not None:
        raise EOFError("it ends too early")


def _slice_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for begin in range(0, len(chunk), _SLICE_SIZE):
            yield chunk[begin : begin + _SLICE_SIZE]


def _decompress_zstd(file: BinaryIO) -> Iterator[bytes]:
    """Raise ConfigurationError if the package `zstandard` is not installed."""
    try:
        import zstandard
    except ImportError as error:
        raise ConfigurationError(
            "The image has zstd layers, which need the Python package `zstandard`.",
            remedy="Install it: pip install zstandard.",
        ) from error
    try:
        with zstandard.ZstdDecompressor().stream_reader(
            file, read_across_frames=True, closefd=False
        ) as reader:
            while data := reader.read(CHUNK_SIZE):
                yield data
    except zstandard.ZstdError as error:
        raise _CorruptDataError(str(error)) from error
    while file.read(CHUNK_SIZE):  # bytes after the last frame, which the caller may hash
        continue
