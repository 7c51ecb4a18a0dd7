"""Decoding of aws-chunked bodies: AWS's own signed example, trailers, invalid input."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.http.aws_chunked import (
    AwsChunkedBody,
    ChunkSignatureError,
    ChunkSigner,
    MalformedChunksError,
)
from scar.local.http.bodies import BytesBody
from scar.local.http.sigv4 import derive_signing_key

# Source: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks", the example.
SIGNER = ChunkSigner(
    key=derive_signing_key(
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ("20130524", "us-east-1", "s3")
    ),
    timestamp="20130524T000000Z",
    scope="20130524/us-east-1/s3/aws4_request",
    seed_signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
)
CHUNKS = [
    (b"a" * 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]


def coded(chunks: list[tuple[bytes, str]], trailer: bytes = b"") -> bytes:
    body = b""
    for data, signature in chunks:
        extension = f";chunk-signature={signature}" if signature else ""
        body += f"{len(data):x}{extension}\r\n".encode() + data
        body += b"\r\n" if data else b""
    return body + trailer + b"\r\n"


def read_all(body: AwsChunkedBody, size: int = 1000) -> bytes:
    return b"".join(iter(lambda: body.read(size), b""))


def test_the_signed_example_of_the_reference_is_read() -> None:
    body = AwsChunkedBody(BytesBody(coded(CHUNKS)), SIGNER)
    assert read_all(body) == b"a" * 66560


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_wrong_chunk_signature_is_rejected(number: int) -> None:
    chunks = list(CHUNKS)
    data, signature = chunks[number]
    chunks[number] = (data, signature[:-1] + "0")
    with pytest.raises(ChunkSignatureError):
        read_all(AwsChunkedBody(BytesBody(coded(chunks)), SIGNER))


def test_signed_trailers_are_checked() -> None:
    line = b"x-amz-checksum-crc32:AAAAAA=="
    digest = hashlib.sha256(line + b"\n").hexdigest()
    good = SIGNER.sign_trailer(CHUNKS[2][1], digest)
    for signature in (good, good[::-1], ""):
        trailer = line + f"\r\nx-amz-trailer-signature:{signature}\r\n".encode()
        body = AwsChunkedBody(BytesBody(coded(CHUNKS, trailer)), SIGNER)
        if signature == good:
            read_all(body)
            assert body.trailers == {"x-amz-checksum-crc32": "AAAAAA=="}
        else:
            with pytest.raises(ChunkSignatureError):
                read_all(body)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.integers(1, 60))
def test_unsigned_chunks_and_their_trailer_are_decoded(chunks: list[bytes], size: int) -> None:
    whole = b"".join(chunks)
    checksum = base64.b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode()
    data = coded(
        [*((chunk, "") for chunk in chunks), (b"", "")],
        f"x-amz-checksum-crc32:{checksum}\r\n".encode(),
    )
    body = AwsChunkedBody(BytesBody(data))
    assert read_all(body, size) == whole
    assert body.trailers == {"x-amz-checksum-crc32": checksum}


@pytest.mark.parametrize(
    "data", [b"", b"zz\r\nabc\r\n", b"5\r\nab", b"2\r\nabcd\r\n0\r\n\r\n", b"2", b"1" * 10000]
)
def test_an_invalid_aws_chunked_body_is_rejected(data: bytes) -> None:
    with pytest.raises(MalformedChunksError):
        read_all(AwsChunkedBody(BytesBody(data)))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_the_two_errors(data: bytes) -> None:
    for signer in (None, replace(SIGNER, seed_signature="0")):
        try:
            read_all(AwsChunkedBody(BytesBody(data), signer))
        except (MalformedChunksError, ChunkSignatureError):
            continue
