"""Rows of buckets and of their settings, each of which is one document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.s3.protocol import notifications
from scar.local.s3.protocol.errors import no_such_bucket

if TYPE_CHECKING:
    import sqlite3

NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRow:
    """A bucket as stored in the database; ``created`` in epoch seconds."""

    name: str
    region: str
    created: float


def find(db: sqlite3.Connection, name: str) -> BucketRow | None:
    row = db.execute("SELECT region, created FROM bucket WHERE name = ?", (name,)).fetchone()
    return BucketRow(name=name, region=row[0], created=row[1]) if row else None


def require(db: sqlite3.Connection, name: str) -> BucketRow:
    """Return the bucket or raise NoSuchBucket."""
    bucket = find(db, name)
    if bucket is None:
        raise no_such_bucket(name)
    return bucket


def list_buckets(db: sqlite3.Connection) -> list[BucketRow]:
    rows = db.execute("SELECT name, region, created FROM bucket ORDER BY name")
    return [BucketRow(name=name, region=region, created=created) for name, region, created in rows]


def create(db: sqlite3.Connection, bucket: BucketRow) -> None:
    db.execute("INSERT INTO bucket VALUES(?, ?, ?)", (bucket.name, bucket.region, bucket.created))


def is_empty(db: sqlite3.Connection, name: str) -> bool:
    return not db.execute("SELECT 1 FROM object WHERE bucket = ? LIMIT 1", (name,)).fetchone()


def delete(db: sqlite3.Connection, name: str) -> list[str]:
    """Delete an empty bucket, its settings and multipart uploads; return the parts' files."""
    uploads = "SELECT id FROM upload WHERE bucket = ?"
    files = db.execute(f"SELECT file FROM part WHERE upload IN ({uploads})", (name,)).fetchall()  # noqa: S608
    db.execute(f"DELETE FROM part WHERE upload IN ({uploads})", (name,))  # noqa: S608
    for table, column in (("upload", "bucket"), ("setting", "bucket"), ("bucket", "name")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))  # noqa: S608
    return [file for (file,) in files]


def read_setting(db: sqlite3.Connection, bucket: str, name: str) -> bytes | None:
    row = db.execute(
        "SELECT document FROM setting WHERE bucket = ? AND name = ?", (bucket, name)
    ).fetchone()
    return bytes(row[0]) if row else None


def put_setting(db: sqlite3.Connection, bucket: str, name: str, document: bytes) -> None:
    db.execute("INSERT OR REPLACE INTO setting VALUES(?, ?, ?)", (bucket, name, document))


def delete_setting(db: sqlite3.Connection, bucket: str, name: str) -> None:
    db.execute("DELETE FROM setting WHERE bucket = ? AND name = ?", (bucket, name))


def notification_rules(
    db: sqlite3.Connection, bucket: str
) -> tuple[notifications.NotificationRule, ...]:
    """Return the rules of the bucket's notification configuration."""
    document = read_setting(db, bucket, NOTIFICATION)
    return notifications.parse_configuration(document).rules if document else ()
