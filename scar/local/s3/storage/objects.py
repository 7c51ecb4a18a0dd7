"""Objects: found, replaced and deleted, each change in one transaction with its events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.s3.protocol.conditions import UNCONDITIONAL
from scar.local.s3.protocol.errors import no_such_key
from scar.local.s3.protocol.event_messages import Event, Happening, message
from scar.local.s3.protocol.metadata import Meta
from scar.local.s3.storage import buckets

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scar.local.s3.protocol.conditions import WriteCondition
    from scar.local.s3.protocol.request import Call
    from scar.local.s3.storage.body_files import Blobs
    from scar.local.s3.storage.database import Database, Transaction
    from scar.local.s3.storage.outbox import Outbox


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of an object and its size."""

    file: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object as it is in the database; its bytes are ``files`` in order, or ``inline``."""

    key: str
    size: int
    etag: str
    modified: float
    meta: Meta
    files: tuple[FilePart, ...] = ()
    inline: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """An object to be: its bytes are ``files`` in order, or ``data``."""

    size: int
    etag: str
    meta: Meta
    files: tuple[FilePart, ...] = ()
    data: bytes | None = None


def find(db: sqlite3.Connection, bucket: str, key: str) -> Stored | None:
    row = db.execute(
        "SELECT size, etag, modified, meta, files, inline FROM object WHERE bucket = ? AND key = ?",
        (bucket, key.encode()),
    ).fetchone()
    if row is None:
        return None
    size, etag, modified, meta, files, inline = row
    return Stored(
        key=key,
        size=size,
        etag=etag,
        modified=modified,
        meta=Meta.load(meta),
        files=tuple(FilePart(*part) for part in json.loads(files or "[]")),
        inline=inline,
    )


def need(db: sqlite3.Connection, bucket: str, key: str) -> Stored:
    """Return the object or raise NoSuchBucket or NoSuchKey."""
    found = find(db, bucket, key)
    if found is None:
        buckets.need(db, bucket)
        raise no_such_key(key)
    return found


class Objects:
    """Writes objects. ``clock`` gives epoch seconds."""

    def __init__(
        self, database: Database, blobs: Blobs, outbox: Outbox, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._outbox = outbox
        self._clock = clock

    def put(
        self,
        call: Call,
        new: NewObject,
        event: Event,
        *,
        condition: WriteCondition = UNCONDITIONAL,
        seen: bool = False,
        also: Callable[[Transaction], None] | None = None,
    ) -> Stored:
        """Make ``new`` the object of the call's key, or raise and change nothing.

        ``also`` is done in the same transaction. ``seen``: an object was there before.
        """
        with self._database.write() as transaction:
            db = transaction.db
            bucket = buckets.need(db, call.bucket)
            old = find(db, call.bucket, call.key)
            condition.check(call.key, old.etag if old else None, seen=seen)
            if also:
                also(transaction)
            if old:
                self._forget(transaction, old)
            stored = self._insert(db, call, new)
            self._tell(
                transaction,
                call,
                Happening(
                    event=event,
                    bucket=bucket.name,
                    region=bucket.region,
                    key=call.key,
                    when=stored.modified,
                    size=new.size,
                    etag=new.etag,
                ),
            )
        return stored

    def _insert(self, db: sqlite3.Connection, call: Call, new: NewObject) -> Stored:
        inline = None
        if new.data is not None:
            inline = db.execute("INSERT INTO inline(data) VALUES(?)", (new.data,)).lastrowid
        stored = Stored(
            key=call.key,
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
                call.bucket,
                call.key.encode(),
                new.size,
                new.etag,
                stored.modified,
                new.meta.dump(),
                files,
                inline,
            ),
        )
        return stored

    def delete(self, call: Call, key: str, condition: WriteCondition = UNCONDITIONAL) -> None:
        """Delete an object; one that is not there is no error, and no event."""
        with self._database.write() as transaction:
            db = transaction.db
            bucket = buckets.need(db, call.bucket)
            old = find(db, call.bucket, key)
            condition.check(key, old.etag if old else None)
            if old is None:
                return
            self._forget(transaction, old)
            db.execute(
                "DELETE FROM object WHERE bucket = ? AND key = ?", (call.bucket, key.encode())
            )
            happening = Happening(
                event=Event.DELETE,
                bucket=bucket.name,
                region=bucket.region,
                key=key,
                when=self._clock(),
            )
            self._tell(transaction, call, happening)

    def keep_meta(self, call: Call, change: Callable[[Meta], Meta]) -> None:
        """Replace what is kept about an object, without an event."""
        with self._database.write() as transaction:
            old = need(transaction.db, call.bucket, call.key)
            transaction.db.execute(
                "UPDATE object SET meta = ? WHERE bucket = ? AND key = ?",
                (change(old.meta).dump(), call.bucket, call.key.encode()),
            )

    def _forget(self, transaction: Transaction, old: Stored) -> None:
        if old.inline is not None:
            transaction.db.execute("DELETE FROM inline WHERE id = ?", (old.inline,))
        if old.files:
            names = [part.file for part in old.files]
            transaction.after_commit.append(lambda: self._blobs.remove(names))

    def _tell(self, transaction: Transaction, call: Call, happening: Happening) -> None:
        rules = buckets.rules(transaction.db, happening.bucket)
        for rule in rules:
            if rule.matches(happening.event.value, happening.key):
                sequence = _next_sequence(transaction.db)
                payload = message(happening, call, rule.id, sequence)
                self._outbox.add(transaction, rule.arn, payload)


def _next_sequence(db: sqlite3.Connection) -> int:
    row = db.execute(
        "INSERT INTO counter VALUES('sequencer', 1)"
        " ON CONFLICT(name) DO UPDATE SET value = value + 1 RETURNING value"
    ).fetchone()
    return int(row[0])
