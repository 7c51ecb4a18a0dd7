"""Objects, conditions and metadata in S3's HTTP API: headers and XML."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, assert_never

from supervisor.errors import StorageError
from supervisor.http.dates import parse_http_date
from supervisor.model import IfMatch, IfNoneMatch, StoredObject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supervisor.model import BucketEncryption, ObjectRef, WriteCondition

# Sources: S3 User Guide, "Object keys", "Object metadata", "Multipart upload limits".
MAX_KEY_BYTES = 1024
MAX_METADATA_BYTES = 2048
MAX_PARTS = 10_000
MIB = 1 << 20

# User metadata with a random id per write: identifies this process's own write when its response
# was lost.
WRITE_ID_KEY = "scar-write"
METADATA_PREFIX = "x-amz-meta-"
RFC2047_START, RFC2047_END = "=?UTF-8?B?", "?="
_ZEROS = bytes(1 << 16)


def check_key(ref: ObjectRef) -> None:
    """Raise StorageError for a key that S3 would reject."""
    try:
        size = len(ref.key.encode())
    except UnicodeEncodeError:
        raise StorageError(
            f"{ref.bucket}/{ref.key!r} is not valid Unicode.", remedy="Rename the file to UTF-8."
        ) from None
    if not 0 < size <= MAX_KEY_BYTES:
        raise StorageError(
            f"The key of {ref} has {size} bytes; S3 allows 1 to {MAX_KEY_BYTES}.",
            remedy="Use a shorter folder or file name." if size else "Give the object a name.",
        )


def quote_etag(etag: str) -> str:
    return etag if etag.startswith('"') else f'"{etag}"'


def condition_headers(condition: WriteCondition | None) -> dict[str, str]:
    match condition:
        case None:
            return {}
        case IfNoneMatch():
            return {"if-none-match": "*"}
        case IfMatch(etag):
            return {"if-match": quote_etag(etag)}
        case _:
            assert_never(condition)


def encryption_headers(encryption: BucketEncryption) -> dict[str, str]:
    """Return the headers that request server-side encryption."""
    headers = {"x-amz-server-side-encryption": encryption.algorithm}
    if encryption.key_id:
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = encryption.key_id
    return headers


def metadata_headers(metadata: Mapping[str, str], write_id: str, ref: ObjectRef) -> dict[str, str]:
    """Return user metadata as headers; raise StorageError for invalid names or above 2 KB.

    HTTP headers are ASCII: a value that is not printable ASCII, or that starts or ends with a
    space, is encoded as in RFC 2047 (``=?UTF-8?B?…?=``), which is also how S3 returns it.
    """
    every = {**metadata, WRITE_ID_KEY: write_id}
    headers = {
        METADATA_PREFIX + name.lower(): _encode_header_value(value) for name, value in every.items()
    }
    if bad := [n for n in every if not (n.isascii() and n.replace("-", "").isalnum())]:
        raise StorageError(
            f"{ref}: {bad[0]!r} is not a valid name of user metadata.",
            remedy="Use letters, digits and hyphens.",
        )
    size = sum(len(name) - len(METADATA_PREFIX) + len(value) for name, value in headers.items())
    if size > MAX_METADATA_BYTES:
        raise StorageError(
            f"The user metadata of {ref} has {size} bytes; S3 allows {MAX_METADATA_BYTES}.",
            remedy="Use less metadata.",
        )
    return headers


def _encode_header_value(value: str) -> str:
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not value.startswith("=?"):
        return value
    return RFC2047_START + b64encode(value.encode()).decode() + RFC2047_END


def _decode_header_value(value: str) -> str:
    if value[: len(RFC2047_START)].upper() == RFC2047_START and value.endswith(RFC2047_END):
        try:
            return b64decode(value[len(RFC2047_START) : -len(RFC2047_END)], validate=True).decode()
        except ValueError:
            return value
    return value


def parse_object_headers(headers: Mapping[str, str], *, size: int | None = None) -> StoredObject:
    """Return the properties of an object from response headers; ``size`` overrides theirs."""
    length = headers.get("content-length", "0")
    return StoredObject(
        size=int(length) if size is None else size,
        # A weak ETag (WebDAV) is compared as a strong one: what it leaves open is not seen either.
        etag=headers.get("etag", "").removeprefix("W/").strip('"'),
        version_id=headers.get("x-amz-version-id", ""),
        metadata={
            name.removeprefix(METADATA_PREFIX): _decode_header_value(value)
            for name, value in headers.items()
            if name.startswith(METADATA_PREFIX) and name != METADATA_PREFIX + WRITE_ID_KEY
        },
        last_modified=parse_http_date(headers.get("last-modified", "")),
        response_date=parse_http_date(headers.get("date", "")),
    )


def part_size(total: int, min_part_size: int) -> int:
    """Return the bytes per part, in whole MiB: an upload has at most 10,000 parts."""
    needed = -(-total // MAX_PARTS)
    return max(min_part_size, -(-needed // MIB) * MIB)


def decode_crc32(checksum: str) -> int:
    """Return the number of a CRC-32 in S3's format: base64."""
    return int.from_bytes(b64decode(checksum), "big")


def whole_crc32(checksums: Sequence[str], total: int, size: int) -> int:
    """Return the CRC-32 of a file from those of its parts, which have ``size`` bytes each."""
    crc = 0
    for number, checksum in enumerate(checksums):
        crc = combine_crc32(crc, decode_crc32(checksum), min(size, total - number * size))
    return crc


def combine_crc32(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two texts, one after the other; ``size`` is the second's in bytes."""
    # For a given text the CRC is an affine function of the one before it; zeros give its matrix.
    zero = 0
    for left in range(size, 0, -len(_ZEROS)):
        zeros = _ZEROS[:left]
        first, zero = zlib.crc32(zeros, first), zlib.crc32(zeros, zero)
    return first ^ zero ^ second


def build_completion_xml(parts: Sequence[tuple[str, str]], *, with_crc32: bool = True) -> bytes:
    """Return the body of CompleteMultipartUpload from (ETag, CRC-32) of each part."""
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>"
        + (f"<ChecksumCRC32>{crc}</ChecksumCRC32>" if with_crc32 else "")
        + "</Part>"
        for number, (etag, crc) in enumerate(parts, start=1)
    )
    return (
        '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{listed}</CompleteMultipartUpload>"
    ).encode()
