"""Work on a long sequence: each item once, few items ahead, little bookkeeping per item."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from scar.transfer.pool import map_unordered
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


def test_each_item_is_processed_once() -> None:
    found = list(map_unordered(range(500), lambda n: n * 2, workers=8))
    assert sorted(found) == [n * 2 for n in range(500)]


def test_no_more_threads_than_items_are_started() -> None:
    names: set[str] = set()
    for _ in map_unordered(
        range(3), lambda _: names.add(threading.current_thread().name), workers=64
    ):
        pass
    assert len(names) <= 3


def test_few_items_are_taken_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = map_unordered(items(), lambda n: n, workers=4, ahead=2)
    next(results)
    assert taken <= 8
    assert len([*results]) == 999


def test_the_first_error_is_raised_and_discards_what_is_in_the_queue() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 2:
            raise ValueError("two")
        done.append(number)

    with pytest.raises(ValueError, match="two"):
        list(map_unordered(range(10_000), work, workers=2))
    count = len(done)
    assert count < 100
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("transfer_")])
    assert len(done) <= count + 2


def test_a_consumer_that_stops_ends_the_threads() -> None:
    results = map_unordered(range(1000), lambda n: n, workers=4)
    next(results)
    results.close()  # type: ignore[attr-defined] # it is a generator
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("transfer_")])


@pytest.mark.parametrize("ahead", [4, 400])
def test_the_bookkeeping_of_an_item_does_not_grow_with_the_queue(ahead: int) -> None:
    """A wait for 256 futures per item was six percent of an upload's time."""
    number = 4000
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    results = map_unordered(range(number), lambda n: n, workers=8, ahead=ahead)
    sys.setprofile(count)
    try:
        for _ in results:
            pass
    finally:
        sys.setprofile(None)
    assert calls < 12 * number + 1000
