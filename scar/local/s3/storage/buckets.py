"""Rows of buckets and of their settings, each of which is one document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.s3.protocol import notifications
from scar.local.s3.protocol.errors import no_such_bucket

if TYPE_CHECKING:
    import sqlite3

NOTIFICATION = "notification"
POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRow:
    """A bucket as stored in the database; ``created`` in epoch seconds.

    ``policy`` and ``notification`` are its settings that concern each write.
    """

    name: str
    region: str
    created: float
    policy: bytes | None = None
    notification: bytes | None = None

    @property
    def notification_rules(self) -> tuple[notifications.NotificationRule, ...]:
        """The rules of the notification configuration."""
        document = self.notification
        return notifications.parse_configuration(document).rules if document else ()


_SETTING = (
    "(SELECT document FROM setting WHERE setting.bucket = bucket.name AND setting.name = '{}')"
)
_FIND = (
    f"SELECT name, region, created, {_SETTING.format(POLICY)}, {_SETTING.format(NOTIFICATION)}"  # noqa: S608 - constants
    " FROM bucket WHERE name = ?"
)


def find(db: sqlite3.Connection, name: str) -> BucketRow | None:
    row = db.execute(_FIND, (name,)).fetchone()
    if row is None:
        return None
    name, region, created, policy, notification = row
    return BucketRow(
        name=name, region=region, created=created, policy=policy, notification=notification
    )


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
