"""Multipart uploads: rows of uploads and parts, and what makes parts a whole."""

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
"""Bytes of every part but the last. Source: S3 User Guide, multipart limits."""

MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """``algorithm`` empty: the parts' checksums are not asked for."""

    id: str
    bucket: str
    key: str
    created: float
    meta: ObjectMetadata
    algorithm: str = ""
    checksum_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPart:
    """A part that arrived; ``etag`` is the hex MD5 of its bytes."""

    number: int
    file: str
    size: int
    etag: str
    modified: float
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedPart:
    """A part as the client lists it when it completes."""

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
    meta, algorithm, sums_type = json.loads(row[4])
    return MultipartUpload(
        id=row[0],
        bucket=row[1],
        key=row[2].decode(),
        created=row[3],
        meta=ObjectMetadata.from_json(meta),
        algorithm=algorithm,
        checksum_type=sums_type,
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
    """Uploads in the order of (key, id), after a pair of them."""
    rows = db.execute(
        "SELECT id, bucket, key, created, meta FROM upload"
        " WHERE bucket = ? AND substr(key, 1, ?) = ? AND (key, id) > (?, ?)"
        " ORDER BY key, id LIMIT ?",
        (bucket, len(prefix.encode()), prefix.encode(), after[0].encode(), after[1], limit),
    )
    return [_upload_from_row(row) for row in rows]


def put_part(db: sqlite3.Connection, upload_id: str, part: UploadedPart) -> list[str]:
    """Keep a part; return the file of the one it replaces."""
    old = db.execute(
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
    return [file for (file,) in old]


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
    """Forget an upload; return the files of its parts."""
    files = db.execute("SELECT file FROM part WHERE upload = ?", (upload_id,)).fetchall()
    db.execute("DELETE FROM part WHERE upload = ?", (upload_id,))
    db.execute("DELETE FROM upload WHERE id = ?", (upload_id,))
    return [file for (file,) in files]


def select_parts(
    uploaded: Sequence[UploadedPart], wanted: Sequence[CompletedPart], minimum: int
) -> list[UploadedPart]:
    """Return the wanted parts in order; raise what S3 answers if they make no object."""
    numbers = [each.number for each in wanted]
    if numbers != sorted(set(numbers)):
        raise S3Error(
            400,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
    by_number = {part.number: part for part in uploaded}
    chosen: list[UploadedPart] = []
    for each in wanted:
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
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < minimum:
            raise S3Error(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                details={"PartNumber": str(part.number), "ProposedSize": str(part.size)},
            )
    return chosen


def _checksums_agree(have: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(have.get(name, value) == value for name, value in wanted.items())


def composite_etag(chosen: Sequence[UploadedPart]) -> str:
    """The MD5 of the parts' MD5s and their number."""
    digests = b"".join(bytes.fromhex(part.etag) for part in chosen)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(chosen)}"


def object_checksums(upload: MultipartUpload, chosen: Sequence[UploadedPart]) -> dict[str, str]:
    """The checksum of the whole from those of its parts, if all of them have one."""
    if not upload.algorithm:
        return {}
    algorithm = ChecksumAlgorithm(upload.algorithm)
    sums = [part.checksums.get(algorithm.value) for part in chosen]
    digests = [base64.b64decode(value) for value in sums if value is not None]
    if len(digests) != len(chosen):
        return {}
    if upload.checksum_type == "FULL_OBJECT":
        pairs = zip(digests, (part.size for part in chosen), strict=True)
        return {algorithm.value: encode_digest(combine_crcs(algorithm, pairs))}
    whole = new_hasher(algorithm)
    whole.update(b"".join(digests))
    return {algorithm.value: f"{encode_digest(whole.digest())}-{len(chosen)}"}
