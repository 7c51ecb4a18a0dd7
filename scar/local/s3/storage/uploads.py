"""Rows of multipart uploads and their parts; ETag and checksum of the complete object."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.s3.protocol.checksums import (
    ChecksumAlgorithm,
    combine_crcs,
    encode_digest,
    new_hasher,
)
from scar.local.s3.protocol.errors import S3Error, no_such_upload
from scar.local.s3.protocol.metadata import ObjectMetadata

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

MIN_PART = 5 << 20
"""Least bytes of every part but the last. Source: S3 User Guide, multipart upload limits."""

MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """An upload in progress; ``algorithm`` is empty if its parts need no checksums.

    ``created`` is in epoch seconds, ``checksum_type`` FULL_OBJECT, COMPOSITE or empty.
    """

    id: str
    bucket: str
    key: str
    created: float
    meta: ObjectMetadata
    algorithm: str = ""
    checksum_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPart:
    """A stored part; ``etag`` is the hexadecimal MD5 of its body."""

    number: int
    file: str
    size: int
    etag: str
    modified: float
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedPart:
    """A part as listed in the request CompleteMultipartUpload."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


def create(db: sqlite3.Connection, upload: MultipartUpload) -> None:
    meta = json.dumps([upload.meta.to_json(), upload.algorithm, upload.checksum_type])
    db.execute(
        "INSERT INTO upload VALUES(?, ?, ?, ?, ?)",
        (upload.id, upload.bucket, upload.key.encode(), upload.created, meta),
    )


def _upload_from_row(row: tuple[str, str, bytes, float, str]) -> MultipartUpload:
    meta, algorithm, checksum_type = json.loads(row[4])
    return MultipartUpload(
        id=row[0],
        bucket=row[1],
        key=row[2].decode(),
        created=row[3],
        meta=ObjectMetadata.from_json(meta),
        algorithm=algorithm,
        checksum_type=checksum_type,
    )


def require(db: sqlite3.Connection, upload_id: str, bucket: str, key: str) -> MultipartUpload:
    """Return the upload of this object or raise NoSuchUpload."""
    row = db.execute(
        "SELECT id, bucket, key, created, meta FROM upload WHERE id = ? AND bucket = ? AND key = ?",
        (upload_id, bucket, key.encode()),
    ).fetchone()
    if row is None:
        raise no_such_upload(upload_id)
    return _upload_from_row(row)


def list_uploads(
    db: sqlite3.Connection, bucket: str, prefix: str, after: tuple[str, str], limit: int
) -> list[MultipartUpload]:
    """Return up to ``limit`` uploads in the order of (key, id), after the pair ``after``."""
    # substr on bytes, not LIKE, for which "%" and "_" in a prefix would be wildcards.
    rows = db.execute(
        "SELECT id, bucket, key, created, meta FROM upload"
        " WHERE bucket = ? AND substr(key, 1, ?) = ? AND (key, id) > (?, ?)"
        " ORDER BY key, id LIMIT ?",
        (bucket, len(prefix.encode()), prefix.encode(), after[0].encode(), after[1], limit),
    )
    return [_upload_from_row(row) for row in rows]


def put_part(db: sqlite3.Connection, upload_id: str, part: UploadedPart) -> list[str]:
    """Store a part; return the files of the part that it replaces, if any."""
    replaced = db.execute(
        "SELECT file FROM part WHERE upload = ? AND number = ?", (upload_id, part.number)
    ).fetchall()
    db.execute(
        "INSERT OR REPLACE INTO part VALUES(?, ?, ?, ?, ?, ?, ?)",
        (
            upload_id,
            part.number,
            part.file,
            part.size,
            part.etag,
            part.modified,
            json.dumps(dict(part.checksums)),
        ),
    )
    return [file for (file,) in replaced]


def list_parts(db: sqlite3.Connection, upload_id: str) -> list[UploadedPart]:
    rows = db.execute(
        "SELECT number, file, size, etag, modified, sums FROM part WHERE upload = ?"
        " ORDER BY number",
        (upload_id,),
    )
    return [
        UploadedPart(
            number=n, file=file, size=size, etag=etag, modified=modified, checksums=json.loads(sums)
        )
        for n, file, size, etag, modified, sums in rows
    ]


def delete(db: sqlite3.Connection, upload_id: str) -> list[str]:
    """Delete an upload; return the files of its parts."""
    files = db.execute("SELECT file FROM part WHERE upload = ?", (upload_id,)).fetchall()
    db.execute("DELETE FROM part WHERE upload = ?", (upload_id,))
    db.execute("DELETE FROM upload WHERE id = ?", (upload_id,))
    return [file for (file,) in files]


def select_parts(
    uploaded: Sequence[UploadedPart], listed: Sequence[CompletedPart], minimum: int
) -> list[UploadedPart]:
    """Return the listed parts in order; raise S3Error if S3 would not combine them.

    ``minimum`` is the least size of every part but the last, in bytes.
    """
    numbers = [each.number for each in listed]
    if numbers != sorted(set(numbers)):
        raise S3Error(
            400,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
    by_number = {part.number: part for part in uploaded}
    selected: list[UploadedPart] = []
    for each in listed:
        part = by_number.get(each.number)
        if (
            part is None
            or part.etag != each.etag
            or not _checksums_agree(part.checksums, each.checksums)
        ):
            raise S3Error(
                400,
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have"
                " been uploaded, or the specified entity tag may not match the part's entity"
                " tag.",
                details={"PartNumber": str(each.number)},
            )
        selected.append(part)
    _check_part_sizes(selected, minimum)
    return selected


def _check_part_sizes(parts: Sequence[UploadedPart], minimum: int) -> None:
    for part in parts[:-1]:
        if part.size < minimum:
            raise S3Error(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                details={"PartNumber": str(part.number), "ProposedSize": str(part.size)},
            )


def _checksums_agree(stored: Mapping[str, str], listed: Mapping[str, str]) -> bool:
    return all(stored.get(name, value) == value for name, value in listed.items())


def composite_etag(parts: Sequence[UploadedPart]) -> str:
    """Return the ETag of a multipart object: the MD5 of its parts' MD5s, and their number."""
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def object_checksums(upload: MultipartUpload, parts: Sequence[UploadedPart]) -> dict[str, str]:
    """Return the object's checksum by algorithm, empty if not all of its parts have one.

    A COMPOSITE checksum is that of the parts' checksums, with their number; a FULL_OBJECT one
    equals that of the whole body.
    """
    if not upload.algorithm:
        return {}
    algorithm = ChecksumAlgorithm(upload.algorithm)
    checksums = [part.checksums.get(algorithm.value) for part in parts]
    digests = [base64.b64decode(value) for value in checksums if value is not None]
    if len(digests) != len(parts):
        return {}
    if upload.checksum_type == "FULL_OBJECT":
        pairs = zip(digests, (part.size for part in parts), strict=True)
        return {algorithm.value: encode_digest(combine_crcs(algorithm, pairs))}
    hasher = new_hasher(algorithm)
    hasher.update(b"".join(digests))
    return {algorithm.value: f"{encode_digest(hasher.digest())}-{len(parts)}"}
