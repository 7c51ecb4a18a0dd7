"""Checksums: known values, and parts that add up to the whole."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.s3.protocol.checksums import Algorithm, combine, hasher

CRCS = [Algorithm.CRC32, Algorithm.CRC32C, Algorithm.CRC64NVME]


def digest(algorithm: Algorithm, data: bytes) -> bytes:
    each = hasher(algorithm)
    each.update(data)
    return each.digest()


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        (Algorithm.CRC32, "cbf43926"),
        (Algorithm.CRC32C, "e3069283"),
        (Algorithm.CRC64NVME, "ae8b14860a799888"),
        (Algorithm.SHA1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    ],
)
def test_the_check_values_of_the_catalogues(algorithm: Algorithm, value: str) -> None:
    assert digest(algorithm, b"123456789").hex() == value


@given(st.lists(st.binary(max_size=40), max_size=4), st.sampled_from(CRCS))
def test_the_crcs_of_parts_combine_to_that_of_the_whole(
    parts: list[bytes], algorithm: Algorithm
) -> None:
    pairs = [(digest(algorithm, part), len(part)) for part in parts]
    assert combine(algorithm, pairs) == digest(algorithm, b"".join(parts))


@given(st.binary(max_size=100), st.integers(0, 100))
def test_pieces_give_the_same_digest(data: bytes, cut: int) -> None:
    each = hasher(Algorithm.CRC32)
    each.update(data[:cut])
    each.update(data[cut:])
    assert each.digest() == zlib.crc32(data).to_bytes(4, "big")
