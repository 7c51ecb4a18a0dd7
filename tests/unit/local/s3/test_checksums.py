"""Checksums: known values, and CRCs combined from those of parts."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.s3.protocol.checksums import ChecksumAlgorithm, combine_crcs, new_hasher

CRCS = [ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME]


def digest(algorithm: ChecksumAlgorithm, data: bytes) -> bytes:
    each = new_hasher(algorithm)
    each.update(data)
    return each.digest()


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        (ChecksumAlgorithm.CRC32, "cbf43926"),
        (ChecksumAlgorithm.CRC32C, "e3069283"),
        (ChecksumAlgorithm.CRC64NVME, "ae8b14860a799888"),
        (ChecksumAlgorithm.SHA1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    ],
)
def test_the_check_values_of_the_catalogues(algorithm: ChecksumAlgorithm, value: str) -> None:
    assert digest(algorithm, b"123456789").hex() == value


@given(st.lists(st.binary(max_size=40), max_size=4), st.sampled_from(CRCS))
def test_the_crcs_of_parts_combine_to_that_of_the_whole(
    parts: list[bytes], algorithm: ChecksumAlgorithm
) -> None:
    pairs = [(digest(algorithm, part), len(part)) for part in parts]
    assert combine_crcs(algorithm, pairs) == digest(algorithm, b"".join(parts))


@given(st.binary(max_size=100), st.integers(0, 100))
def test_pieces_give_the_same_digest(data: bytes, cut: int) -> None:
    each = new_hasher(ChecksumAlgorithm.CRC32)
    each.update(data[:cut])
    each.update(data[cut:])
    assert each.digest() == zlib.crc32(data).to_bytes(4, "big")
