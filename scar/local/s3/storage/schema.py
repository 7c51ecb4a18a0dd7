"""The tables of the database.

Keys are stored as bytes of UTF-8, which SQLite compares byte by byte: that is S3's order of
keys. Ids of inline bodies are never reused (AUTOINCREMENT): a reader that has looked up an
object must not read another body under its id after the object was replaced.
"""

from __future__ import annotations

from scar.local.state.databases import DatabaseFormat
from scar.local.state.files import S3_INDEX

SCHEMA = """
CREATE TABLE IF NOT EXISTS bucket(
    name TEXT PRIMARY KEY, region TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS setting(
    bucket TEXT NOT NULL, name TEXT NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY(bucket, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object(
    bucket TEXT NOT NULL, key BLOB NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, meta TEXT NOT NULL, files TEXT, inline INTEGER,
    PRIMARY KEY(bucket, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inline(id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS upload(
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, created REAL NOT NULL,
    meta TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part(
    upload TEXT NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, sums TEXT NOT NULL,
    PRIMARY KEY(upload, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox(
    id INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL, payload BLOB NOT NULL,
    created REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
    trace TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox(arn, due) WHERE due > 0;
"""

FORMAT = DatabaseFormat(
    file=S3_INDEX,
    schema=SCHEMA,
    # Columns added since the first release of this version, which an older file lacks. They have
    # defaults, so that releases before them can still use the file.
    added_columns=(("outbox", "trace", "TEXT NOT NULL DEFAULT ''"),),
)
