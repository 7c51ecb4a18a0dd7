"""Converts layers to gzip: Lambda does not accept other compressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from scar.image.errors import ImageError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.decompression import decompress
from scar.image.formats.layer import ImageLayer, parallel_compressor
from scar.image.formats.unpacking_limits import UnpackedSize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.image.formats.blobs import Blob, BlobCache
    from scar.image.formats.decompression import Compression


def recompress_to_gzip(
    blob: Blob, *, diff_id: str, compression: Compression, cache: BlobCache
) -> ImageLayer:
    """Return the layer as gzip, from the cache if it was converted before.

    Raise ImageError if the blob's content does not match ``diff_id``, or is larger than Lambda
    allows.
    """
    # The cache saves time, and keeps the digest: another version of zlib may compress differently.
    key = f"gzip of {blob.digest}"
    digest = cache.read_note(key)
    if digest and (cached := cache.get(digest)):
        return ImageLayer(blob=cached, diff_id=diff_id)
    size = UnpackedSize(f"Layer {blob.digest}")
    with blob.open() as file, cache.open_writer() as writer, parallel_compressor(writer) as gzip:
        for chunk in decompress(read_chunks(file), compression, size):
            gzip.write(chunk)
        if (unpacked_id := gzip.finish()) != diff_id:
            raise ImageError(
                f"Layer {blob.digest} has the diff ID {unpacked_id}; the image's configuration"
                f" says {diff_id}.",
                remedy="The image is corrupt: build or push it again.",
            )
        converted = writer.commit()
    cache.write_note(key, converted.digest)
    return ImageLayer(blob=converted, diff_id=diff_id)


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of a file in chunks."""
    while chunk := file.read(CHUNK_SIZE):
        yield chunk
