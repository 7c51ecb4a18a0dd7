"""Listing of a bucket's keys in order; a common prefix is skipped in one index search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


_AFTER_ALL = b"\xff"  # a byte that UTF-8 does not have


class ListedObject(NamedTuple):
    """One object of a page; ``modified`` in epoch seconds, ``meta`` its metadata as JSON."""

    key: str
    size: int
    etag: str
    modified: float
    meta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPage:
    """Objects and common prefixes of one page; the next page begins after ``last``."""

    objects: tuple[ListedObject, ...]
    common_prefixes: tuple[str, ...]
    truncated: bool
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingQuery:
    """The parameters of a page: keys after ``after`` (excluded), grouped at ``delimiter``."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    limit: int = 1000


def list_page(db: sqlite3.Connection, bucket: str, query: ListingQuery) -> ListingPage:
    """Return one page; costs one index search per common prefix and one step per object."""
    if not query.delimiter:
        return _list_objects(db, bucket, query)
    objects: list[ListedObject] = []
    prefixes: list[str] = []
    last = b""
    truncated = False
    for entry in _iter_entries(db, bucket, query) if query.limit else ():
        if len(objects) + len(prefixes) == query.limit:
            truncated = True
            break
        if isinstance(entry, bytes):
            prefixes.append(entry.decode())
            last = entry
        else:
            objects.append(entry)
            last = entry.key.encode()
    return ListingPage(
        objects=tuple(objects),
        common_prefixes=tuple(prefixes),
        truncated=truncated,
        last=last.decode(),
    )


def _list_objects(db: sqlite3.Connection, bucket: str, query: ListingQuery) -> ListingPage:
    """Return a page without common prefixes, in one statement."""
    prefix = query.prefix.encode()
    start = _first_key(query.after.encode(), prefix, b"")
    rows = db.execute(
        "SELECT key, size, etag, modified, meta FROM object"
        " WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
        (bucket, start, _after_prefix(prefix) or _AFTER_ALL, query.limit and query.limit + 1),
    ).fetchall()
    objects = [ListedObject(key.decode(), *row) for key, *row in rows[: query.limit]]
    return ListingPage(
        objects=tuple(objects),
        common_prefixes=(),
        truncated=len(rows) > query.limit,
        last=objects[-1].key if objects else "",
    )


def _iter_entries(
    db: sqlite3.Connection, bucket: str, query: ListingQuery
) -> Iterator[ListedObject | bytes]:
    prefix, delimiter = query.prefix.encode(), query.delimiter.encode()
    start: bytes | None = _first_key(query.after.encode(), prefix, delimiter)
    while start is not None:
        rows = db.execute(
            "SELECT key, size, etag, modified, meta FROM object"
            " WHERE bucket = ? AND key >= ? ORDER BY key",
            (bucket, start),
        )
        start = None
        for key, size, etag, modified, meta in rows:
            if not key.startswith(prefix):
                return
            common_prefix = _common_prefix(key, prefix, delimiter)
            if common_prefix:
                yield common_prefix
                start = _after_prefix(common_prefix)
                break
            yield ListedObject(key.decode(), size, etag, modified, meta)


def _first_key(after: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """Return the least key that may be on the page, None if there is none."""
    if not after or after < prefix:
        return prefix
    # The last page ended with this common prefix: skip all of its keys.
    if _common_prefix(after, prefix, delimiter) == after:
        return _after_prefix(after)
    return after + b"\0"


def _common_prefix(key: bytes, prefix: bytes, delimiter: bytes) -> bytes:
    """Return the common prefix that replaces the key in a listing, empty if none does."""
    if not delimiter or not key.startswith(prefix):
        return b""
    index = key.find(delimiter, len(prefix))
    return key[: index + len(delimiter)] if index >= 0 else b""


def _after_prefix(prefix: bytes) -> bytes | None:
    """Return the least string greater than all that begin with ``prefix``, None if none is."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
