"""Converts layers to gzip: Lambda does not accept other compressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from scar.errors import ConfigurationError
from scar.image.errors import ImageError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.layer import GzipCompressor, ImageLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.image.formats.blobs import Blob, BlobCache

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # the first bytes of a zstd frame (RFC 8878)


def recompress_to_gzip(blob: Blob, *, diff_id: str, zstd: bool, cache: BlobCache) -> ImageLayer:
    """Return the layer as gzip, from the cache if it was converted before.

    The blob is zstd, or uncompressed if ``zstd`` is false. Raise ImageError if its content does
    not match ``diff_id``.
    """
    # The cache saves time, and keeps the digest: another version of zlib may compress differently.
    key = f"gzip of {blob.digest}"
    digest = cache.read_note(key)
    if digest and (cached := cache.get(digest)):
        return ImageLayer(blob=cached, diff_id=diff_id)
    with blob.open() as file, cache.open_writer() as writer:
        compressor = GzipCompressor(writer)
        for chunk in decompress_zstd(file) if zstd else _read_chunks(file):
            compressor.write(chunk)
        if (unpacked_id := compressor.finish()) != diff_id:
            raise ImageError(
                f"Layer {blob.digest} has the diff ID {unpacked_id}; the image's configuration"
                f" says {diff_id}.",
                remedy="The image is corrupt: build or push it again.",
            )
        converted = writer.commit()
    cache.write_note(key, converted.digest)
    return ImageLayer(blob=converted, diff_id=diff_id)


def decompress_zstd(file: BinaryIO) -> Iterator[bytes]:
    """Yield the decompressed bytes in constant memory; raise ImageError if the file is corrupt.

    Raise ConfigurationError if the package `zstandard` is not installed.
    """
    try:
        import zstandard
    except ImportError as error:
        raise ConfigurationError(
            "The image has zstd layers, which need the Python package `zstandard`.",
            remedy="Install it: pip install zstandard.",
        ) from error
    try:
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
            yield from _read_chunks(reader)
    except zstandard.ZstdError as error:
        raise ImageError(
            f"A zstd layer cannot be decompressed: {error}.",
            remedy="The image is corrupt: build or push it again.",
        ) from error


def _read_chunks(file: BinaryIO | object) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_SIZE):  # type: ignore[union-attr]
        yield chunk
