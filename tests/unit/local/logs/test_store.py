"""Events are stored in order and bounded, and deleted with their group."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.errors import OperationRefusedError
from scar.local.logs.filter_pattern import parse_filter_pattern
from scar.local.logs.model import TimeWindow
from scar.local.logs.store import LogStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    store = LogStore(tmp_path, max_group_bytes=3 << 20)
    yield store
    store.close()


def messages(store: LogStore, group: str = "g", stream: str = "s") -> list[str]:
    events = store.page_events(group, stream, TimeWindow(), after=None, before=None, limit=100_000)
    return [event.message for event in events]


def test_events_come_back_by_time_then_arrival(store: LogStore) -> None:
    store.append("g", "s", [(2, "b"), (1, "a"), (2, "c")])
    assert messages(store) == ["a", "b", "c"]


def test_events_are_there_after_a_restart(store: LogStore, tmp_path: Path) -> None:
    store.append("g", "s", [(1, "a")])
    again = LogStore(tmp_path)
    assert messages(again) == ["a"]
    again.close()


def test_a_full_group_loses_its_oldest_events(store: LogStore) -> None:
    for number in range(50):
        store.append("g", "s", [(number, f"{number:05d}" + "x" * (100 << 10))])
    kept = messages(store)
    assert kept[-1].startswith("00049")
    assert 20 <= len(kept) <= 42


def test_a_group_that_grows_is_added_up_once(store: LogStore) -> None:
    statements: list[str] = []
    store._db.set_trace_callback(statements.append)
    for number in range(30):
        store.append("g", "s", [(number, "x" * (300 << 10))])
    sums = [text for text in statements if "SUM(size)" in text]
    assert len(sums) == 1


def test_what_a_deleted_stream_held_is_room_again(store: LogStore) -> None:
    for number in range(9):
        store.append("g", "old", [(number, "x" * (300 << 10))])
    store.delete_stream("g", "old")
    for number in range(9):
        store.append("g", "s", [(number, "x" * (300 << 10))])
    assert len(messages(store)) == 9


def test_events_past_the_retention_go(tmp_path: Path) -> None:
    now = 10 * 86_400.0
    store = LogStore(tmp_path, retention=lambda _: 1, clock=lambda: now)
    store.append("g", "s", [(86_400_000, "old"), (10 * 86_400_000, "new")])
    assert messages(store) == ["new"]
    store.close()


def test_a_deleted_group_is_not_brought_back_by_a_writer_that_continues(store: LogStore) -> None:
    store.append("g", "s", [(1, "a")])
    store.delete_group("g")
    store.append("g", "s", [(2, "b")])
    assert store.list_streams("g") == ()
    store.append("g", "t", [(3, "c")])
    assert messages(store, stream="t") == ["c"]


def test_a_group_is_asked_for_at_its_first_stream_only(tmp_path: Path) -> None:
    created: list[str] = []
    store = LogStore(tmp_path, ensure_group=created.append)
    store.append("g", "s", [(1, "a")])
    store.append("g", "s", [(1, "a")])
    assert created == ["g"]
    store.close()


def test_text_that_is_no_utf8_is_stored_with_replacements(store: LogStore) -> None:
    store.append("g", "s", [(1, "a\udcffb")])
    assert messages(store) == ["a?b"]


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("", ["anything"], []),
        ("ERROR", ["an ERROR here"], ["error"]),
        ("a b", ["b a"], ["a"]),
        ('"two words"', ["x two words y"], ["two  words"]),
        ("?a ?b", ["a", "b"], ["c"]),
        ("run -START", ["a run"], ["START run"]),
    ],
)
def test_patterns_of_terms(pattern: str, fitting: list[str], others: list[str]) -> None:
    parsed = parse_filter_pattern(pattern)
    assert all(parsed.matches(message) for message in fitting)
    assert not any(parsed.matches(message) for message in others)


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[a, b]", "%x%", '"open'])
def test_other_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(OperationRefusedError):
        parse_filter_pattern(pattern)


@given(st.text())
def test_any_pattern_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(OperationRefusedError):
        parse_filter_pattern(text).matches(text)
