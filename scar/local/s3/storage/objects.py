"""Rows of objects; each change is one transaction with the events that it causes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.s3.protocol.conditions import UNCONDITIONAL
from scar.local.s3.protocol.errors import no_such_key
from scar.local.s3.protocol.event_messages import ObjectChange, S3EventName, build_event_message
from scar.local.s3.protocol.metadata import ObjectMetadata
from scar.local.s3.storage import buckets

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scar.local.s3.protocol.conditions import WriteCondition
    from scar.local.s3.protocol.request import S3Request
    from scar.local.s3.storage.body_files import BodyFiles
    from scar.local.s3.storage.buckets import BucketRow
    from scar.local.s3.storage.database import Database, Transaction
    from scar.local.s3.storage.outbox import Outbox


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """One body file of an object and its size in bytes."""

    file: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """An object as stored in the database; its body is ``files`` in order, or row ``inline``.

    ``modified`` is in epoch seconds. ``data`` is the inline body if it was asked for.
    """

    key: str
    size: int
    etag: str
    modified: float
    meta: ObjectMetadata
    files: tuple[ObjectFile, ...] = ()
    inline: int | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """An object to be stored; its body is ``files`` in order, or ``data``."""

    size: int
    etag: str
    meta: ObjectMetadata
    files: tuple[ObjectFile, ...] = ()
    data: bytes | None = None


_COLUMNS = "size, etag, modified, meta, files, inline"
_FIND = f"SELECT {_COLUMNS} FROM object WHERE bucket = ? AND key = ?"  # noqa: S608 - constants
_FIND_WITH_BODY = (
    f"SELECT {_COLUMNS}, data FROM object LEFT JOIN inline ON inline.id = object.inline"  # noqa: S608
    " WHERE bucket = ? AND key = ?"
)


def find(
    db: sqlite3.Connection, bucket: str, key: str, *, with_body: bool = False
) -> ObjectRow | None:
    """Return the object, ``with_body`` with its inline body, or None."""
    statement = _FIND_WITH_BODY if with_body else _FIND
    row = db.execute(statement, (bucket, key.encode())).fetchone()
    if row is None:
        return None
    size, etag, modified, meta, files, inline = row[:6]
    return ObjectRow(
        key=key,
        size=size,
        etag=etag,
        modified=modified,
        meta=ObjectMetadata.from_json(meta),
        files=tuple(ObjectFile(*part) for part in json.loads(files)) if files else (),
        inline=inline,
        data=row[6] if with_body else None,
    )


def require(db: sqlite3.Connection, bucket: str, key: str, *, with_body: bool = False) -> ObjectRow:
    """Return the object as ``find`` does, or raise NoSuchBucket or NoSuchKey."""
    stored = find(db, bucket, key, with_body=with_body)
    if stored is None:
        buckets.require(db, bucket)
        raise no_such_key(key)
    return stored


class ObjectWriter:
    """Stores, deletes and changes objects; ``clock`` returns epoch seconds."""

    def __init__(
        self, database: Database, body_files: BodyFiles, outbox: Outbox, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._body_files = body_files
        self._outbox = outbox
        self._clock = clock

    def put(
        self,
        request: S3Request,
        new: NewObject,
        event_name: S3EventName,
        *,
        condition: WriteCondition = UNCONDITIONAL,
        existed_before: bool = False,
        in_transaction: Callable[[Transaction, BucketRow], None] | None = None,
    ) -> ObjectRow:
        """Store ``new`` under the request's key; raise S3Error and change nothing otherwise.

        ``in_transaction`` is called in the same transaction, and may raise. ``existed_before``: the
        key had an object when the request arrived (see ``WriteCondition.check``).
        """
        with self._database.write() as transaction:
            # Perhaps checked already before the body was received; only this check excludes
            # other writers.
            db = transaction.db
            bucket = buckets.require(db, request.bucket)
            if in_transaction:
                in_transaction(transaction, bucket)
            old = find(db, request.bucket, request.key)
            condition.check(request.key, old.etag if old else None, existed_before=existed_before)
            if old:
                self._discard_body(transaction, old)
            stored = self._insert_object(db, request, new)
            self._publish_event(
                transaction,
                request,
                bucket,
                ObjectChange(
                    event_name=event_name,
                    bucket=bucket.name,
                    region=bucket.region,
                    key=request.key,
                    event_time=stored.modified,
                    size=new.size,
                    etag=new.etag,
                ),
            )
        return stored

    def _insert_object(
        self, db: sqlite3.Connection, request: S3Request, new: NewObject
    ) -> ObjectRow:
        inline = None
        if new.data is not None:
            inline = db.execute("INSERT INTO inline(data) VALUES(?)", (new.data,)).lastrowid
        stored = ObjectRow(
            key=request.key,
            size=new.size,
            etag=new.etag,
            modified=self._clock(),
            meta=new.meta,
            files=new.files,
            inline=inline,
        )
        files = json.dumps([[part.file, part.size] for part in new.files]) if new.files else None
        db.execute(
            "INSERT OR REPLACE INTO object VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.bucket,
                request.key.encode(),
                new.size,
                new.etag,
                stored.modified,
                new.meta.to_json(),
                files,
                inline,
            ),
        )
        return stored

    def delete(
        self, request: S3Request, key: str, condition: WriteCondition = UNCONDITIONAL
    ) -> None:
        """Delete an object; if it does not exist, do nothing and cause no event."""
        with self._database.write() as transaction:
            db = transaction.db
            bucket = buckets.require(db, request.bucket)
            old = find(db, request.bucket, key)
            condition.check(key, old.etag if old else None)
            if old is None:
                return
            self._discard_body(transaction, old)
            db.execute(
                "DELETE FROM object WHERE bucket = ? AND key = ?", (request.bucket, key.encode())
            )
            change = ObjectChange(
                event_name=S3EventName.DELETE,
                bucket=bucket.name,
                region=bucket.region,
                key=key,
                event_time=self._clock(),
            )
            self._publish_event(transaction, request, bucket, change)

    def update_metadata(
        self, request: S3Request, change: Callable[[ObjectMetadata], ObjectMetadata]
    ) -> None:
        """Replace the metadata of an object; causes no event."""
        with self._database.write() as transaction:
            old = require(transaction.db, request.bucket, request.key)
            transaction.db.execute(
                "UPDATE object SET meta = ? WHERE bucket = ? AND key = ?",
                (change(old.meta).to_json(), request.bucket, request.key.encode()),
            )

    def _discard_body(self, transaction: Transaction, old: ObjectRow) -> None:
        if old.inline is not None:
            transaction.db.execute("DELETE FROM inline WHERE id = ?", (old.inline,))
        if old.files:
            names = [part.file for part in old.files]
            transaction.after_commit.append(lambda: self._body_files.remove(names))

    def _publish_event(
        self, transaction: Transaction, request: S3Request, bucket: BucketRow, change: ObjectChange
    ) -> None:
        for rule in bucket.notification_rules:
            if rule.matches(change.event_name.value, change.key):
                sequence = _next_sequence(transaction.db)
                payload = build_event_message(change, request, rule.id, sequence)
                # Not a part of the event: as on AWS, only Lambda sees it.
                trace = request.headers.get("x-amzn-trace-id", "")
                self._outbox.add(transaction, rule.destination_arn, payload, trace)


def _next_sequence(db: sqlite3.Connection) -> int:
    # In the transaction of the change: the order of sequencers is that of the commits.
    row = db.execute(
        "INSERT INTO counter VALUES('sequencer', 1)"
        " ON CONFLICT(name) DO UPDATE SET value = value + 1 RETURNING value"
    ).fetchone()
    return int(row[0])
