"""Layers in the one form that Lambda takes: gzip. Others are unpacked and packed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from scar.errors import ConfigurationError
from scar.image.errors import ImageError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.layer import GzipCompressor, ImageLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.image.formats.blobs import Blob, BlobCache

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # how such bytes begin


def recompress_to_gzip(blob: Blob, *, diff_id: str, zstd: bool, cache: BlobCache) -> ImageLayer:
    """Return the layer gzipped, from the cache if it was converted before.

    Raise ImageError if its content is not what ``diff_id`` says.
    """
    note = f"gzip of {blob.digest}"
    known = cache.read_note(note)
    if known and (found := cache.get(known)):
        return ImageLayer(blob=found, diff_id=diff_id)
    with blob.open() as file, cache.open_writer() as writer:
        compressor = GzipCompressor(writer)
        for chunk in decompress_zstd(file) if zstd else _read_chunks(file):
            compressor.write(chunk)
        if (unpacked_id := compressor.finish()) != diff_id:
            raise ImageError(
                f"Layer {blob.digest} holds {unpacked_id}, not {diff_id} as its image says.",
                remedy="The image is damaged: build or push it again.",
            )
        made = writer.commit()
    cache.write_note(note, made.digest)
    return ImageLayer(blob=made, diff_id=diff_id)


def decompress_zstd(file: BinaryIO) -> Iterator[bytes]:
    """Yield what zstd bytes hold, in constant memory; raise ImageError if they are damaged."""
    try:
        import zstandard
    except ImportError as error:
        raise ConfigurationError(
            "The image has layers in zstd, which the package `zstandard` reads.",
            remedy="Install it: pip install zstandard.",
        ) from error
    try:
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
            yield from _read_chunks(reader)
    except zstandard.ZstdError as error:
        raise ImageError(
            f"A layer is not zstd as it says: {error}.",
            remedy="The image is damaged: build or push it again.",
        ) from error


def _read_chunks(file: BinaryIO | object) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_SIZE):  # type: ignore[union-attr]
        yield chunk
