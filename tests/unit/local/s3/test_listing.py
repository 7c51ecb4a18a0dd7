"""Listing compared with a sorted dictionary."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scar.local.s3.storage.listing import ListingQuery, list_page
from scar.local.s3.storage.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable

keys = st.text(st.sampled_from("ab/é漢\U0010ffff\x00"), min_size=1, max_size=5)
affixes = st.text(st.sampled_from("ab/é"), max_size=3)


def expected(stored: Iterable[str], prefix: str, delimiter: str) -> list[str]:
    """Return every object and common prefix in order, as the API reference defines them."""
    entries = set()
    for key in stored:
        if not key.startswith(prefix):
            continue
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        entries.add(prefix + head + found if found else key)
    return sorted(entries, key=str.encode)


class Listing(RuleBasedStateMachine):
    """Puts and deletes keys, and lists them in pages of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.db = sqlite3.connect(":memory:")
        self.db.executescript(SCHEMA)
        self.model: set[str] = set()

    def teardown(self) -> None:
        self.db.close()

    @rule(key=keys)
    def put(self, key: str) -> None:
        self.db.execute(
            "INSERT OR REPLACE INTO object VALUES('b', ?, 1, 'e', 0, '{}', NULL, NULL)",
            (key.encode(),),
        )
        self.model.add(key)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.db.execute("DELETE FROM object WHERE key = ?", (key.encode(),))
        self.model.discard(key)

    @rule(prefix=affixes, delimiter=affixes, limit=st.integers(1, 4))
    def pages_together_are_the_whole(self, prefix: str, delimiter: str, limit: int) -> None:
        found: list[str] = []
        after = ""
        for _ in range(len(self.model) + 1):
            query = ListingQuery(prefix=prefix, delimiter=delimiter, after=after, limit=limit)
            page = list_page(self.db, "b", query)
            entries = [each.key for each in page.objects] + list(page.common_prefixes)
            assert len(entries) <= limit
            found += sorted(entries, key=str.encode)
            if not page.truncated:
                break
            assert len(entries) == limit
            after = page.last
        assert found == expected(self.model, prefix, delimiter)

    @rule(after=keys, prefix=affixes)
    def a_page_begins_after_any_key(self, after: str, prefix: str) -> None:
        page = list_page(self.db, "b", ListingQuery(prefix=prefix, after=after))
        wanted = [k for k in expected(self.model, prefix, "") if k.encode() > after.encode()]
        assert [each.key for each in page.objects] == wanted

    @invariant()
    def another_bucket_is_empty(self) -> None:
        assert not list_page(self.db, "a", ListingQuery()).objects


TestListing = Listing.TestCase
TestListing.settings = settings(stateful_step_count=30)


def test_a_page_reads_no_more_rows_than_it_shows_and_one_more() -> None:
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    rows = [(f"{name}/{number:04}".encode(),) for name in "abc" for number in range(2000)]
    db.executemany("INSERT INTO object VALUES('x', ?, 1, 'e', 0, '{}', NULL, NULL)", rows)
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    page = list_page(db, "x", ListingQuery(prefix="b/", limit=1000))
    assert [len(page.objects), page.last, page.truncated] == [1000, "b/0999", True]
    rest = list_page(db, "x", ListingQuery(prefix="b/", after=page.last, limit=1000))
    assert [len(rest.objects), rest.last, rest.truncated] == [1000, "b/1999", False]
    assert [statement.endswith("LIMIT 1001") for statement in statements] == [True, True]
    db.close()
