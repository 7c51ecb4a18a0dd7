"""Streams of all compressions are decompressed in bounded pieces; bombs and damage are errors."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from scar.aws.model import limits
from scar.image.errors import ImageError, ImageTooLargeError
from scar.image.formats import unpacking_limits
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.decompression import Compression, decompress, detect_compression
from scar.image.formats.layer import BLOCK_SIZE, GzipCompressor, parallel_compressor
from scar.image.formats.unpacking_limits import UnpackedSize
from tests.profiles import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKERS: dict[Compression, Callable[[bytes], bytes]] = {
    Compression.GZIP: gzip.compress,
    Compression.BZIP2: bz2.compress,
    Compression.XZ: lzma.compress,
    Compression.ZSTD: zstandard.ZstdCompressor().compress,
}


def cut(data: bytes, step: int) -> Iterator[bytes]:
    return (data[begin : begin + step] for begin in range(0, len(data), step))


@given(
    st.sampled_from(sorted(PACKERS)),
    st.lists(st.binary(max_size=5000), min_size=1, max_size=5),
    st.integers(1, 700),
)
def test_members_in_a_row_give_what_was_compressed_however_they_are_cut(
    compression: Compression, members: list[bytes], step: int
) -> None:
    packed = b"".join(map(PACKERS[compression], members))
    size = UnpackedSize("It")
    assert b"".join(decompress(cut(packed, step), compression, size)) == b"".join(members)
    assert size.total == len(b"".join(members))
    assert detect_compression(packed) is compression


@given(st.binary(max_size=3000), st.integers(1, 700))
def test_padding_after_a_member_is_ignored(data: bytes, step: int) -> None:
    packed = gzip.compress(data) + b"\0" * 700 + gzip.compress(data) + b"\0" * 9
    chunks = decompress(cut(packed, step), Compression.GZIP, UnpackedSize("It"))
    assert b"".join(chunks) == data * 2


@settings(max_examples=examples(50))
@given(st.sampled_from([Compression.GZIP, Compression.BZIP2, Compression.XZ]), st.data())
def test_a_stream_that_is_cut_is_an_error(compression: Compression, data: st.DataObject) -> None:
    packed = PACKERS[compression](bytes(range(256)) * 40)
    length = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(ImageError, match=f"{compression} data is truncated or corrupt"):
        list(decompress(iter([packed[:length]]), compression, UnpackedSize("It")))


@pytest.mark.parametrize("compression", sorted(PACKERS))
def test_damaged_data_is_an_error(compression: Compression) -> None:
    packed = bytearray(PACKERS[compression](bytes(range(256)) * 40))
    packed[5:60] = b"x" * 55
    with pytest.raises(ImageError, match="truncated or corrupt"):
        list(decompress(iter([bytes(packed)]), compression, UnpackedSize("It")))


def zeros(size: int, compression: Compression) -> bytes:
    """Return compressed zeros; zstd and bzip2 compress them best."""
    pieces = itertools.repeat(bytes(1 << 20), size >> 20)
    if compression is Compression.ZSTD:
        packer = zstandard.ZstdCompressor().compressobj()
        return b"".join(map(packer.compress, pieces)) + packer.flush()
    deflate = zlib.compressobj(wbits=31)
    return b"".join(map(deflate.compress, pieces)) + deflate.flush()


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_a_bomb_ends_soon_after_a_gibibyte_in_pieces_of_a_mebibyte(
    compression: Compression,
) -> None:
    chunks = cut(zeros(1100 << 20, compression), CHUNK_SIZE)
    size = UnpackedSize("It")
    pieces = decompress(chunks, compression, size)
    with pytest.raises(ImageTooLargeError, match="decompression bomb"):
        sum(map(len, pieces))
    assert size.total <= unpacking_limits.RATIO_FREE_SIZE + (64 << 20)


def test_the_limit_is_that_of_lambda() -> None:
    assert limits.LAMBDA_IMAGE.maximum == unpacking_limits.MAX_UNPACKED_SIZE


def test_several_streams_together_are_bounded() -> None:
    size, packed = UnpackedSize("It", limit=2500), gzip.compress(b"x" * 1000)
    for _ in range(2):
        list(decompress(iter([packed]), Compression.GZIP, size))
    with pytest.raises(ImageTooLargeError, match="AWS Lambda allows 10 GiB"):
        list(decompress(iter([packed]), Compression.GZIP, size))


@pytest.mark.parametrize("length", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 5 << 20])
def test_parallel_gzip_is_the_same_for_any_number_of_workers_and_any_pieces(length: int) -> None:
    data = (bytes(range(256)) * (length // 256 + 1))[:length]
    sink = Collected()
    single = GzipCompressor(sink)
    single.write(data)
    results = {(single.finish(), bytes(sink.data))}
    for workers, step in ((1, 1 << 20), (2, 70_001), (5, 3 << 20)):
        sink = Collected()
        with parallel_compressor(sink, workers) as writer:
            for piece in cut(data, step):
                writer.write(piece)
            diff_id = writer.finish()
        results.add((diff_id, bytes(sink.data)))
    ((_, packed),) = results
    assert gzip.decompress(packed) == data


class Collected:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> None:
        self.data += data
