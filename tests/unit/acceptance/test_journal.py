"""The journal of an acceptance run survives killed processes and concurrent writers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance.kit.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_absent_journal_has_no_entries(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none").entries("call") == []


def test_an_unfinished_or_damaged_line_does_not_hide_the_others(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append("bucket", name="a")
    with journal.path.open("ab") as file:
        file.write(b'[1]\n\xff\xfe{"kind": "bucket", "na')
    journal.append("bucket", name="b")
    assert [entry["name"] for entry in journal.entries("bucket")] == ["a", "b"]


def test_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: journal.append("call", number=n, text="x" * 500), range(200)))
    assert sorted(entry["number"] for entry in journal.entries("call")) == list(range(200))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"))))
def test_what_remains_is_what_was_made_after_it_was_last_removed(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[bool, str]]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal")
    expected: set[str] = set()
    for made, name in events:
        journal.append("deployed" if made else "removed", name=name)
        (expected.add if made else expected.discard)(name)
    assert {e["name"] for e in journal.remaining("deployed", "removed")} == expected
