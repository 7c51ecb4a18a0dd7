"""The line of a transfer: percent, bytes, items, rate and time left, by a clock of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.meter import SHOW_INTERVAL, Meter, TransferCounts, format_duration


@dataclass
class Screen:
    """A clock that the test sets, and the lines that were shown."""

    now: float = 100.0
    lines: list[str] = field(default_factory=list)

    def meter(self, verb: str = "Uploading", noun: str = "file") -> Meter:
        return Meter(verb, noun, self.lines.append, clock=lambda: self.now)


def test_one_large_file_moves_by_its_bytes() -> None:
    screen = Screen()
    meter = screen.meter()
    meter.expect(10_000_000)
    meter.finish_total()
    for _ in range(4):
        screen.now += 1
        meter.add_bytes(1_000_000)
    assert screen.lines == [
        "Uploading 0 %: 0 B of 10.0 MB",
        "Uploading 10 %: 1.0 MB of 10.0 MB, 9 s left, 1.0 MB/s",
        "Uploading 20 %: 2.0 MB of 10.0 MB, 8 s left, 1.0 MB/s",
        "Uploading 30 %: 3.0 MB of 10.0 MB, 7 s left, 1.0 MB/s",
        "Uploading 40 %: 4.0 MB of 10.0 MB, 6 s left, 1.0 MB/s",
    ]


def test_many_items_are_counted_and_named() -> None:
    screen = Screen()
    meter = screen.meter("Pushing", "layer")
    meter.expect(3_000_000, items=3)
    meter.finish_total()
    screen.now += 2
    meter.add_bytes(1_000_000)
    meter.add_item()
    assert screen.lines[-1] == (
        "Pushing 33 %: 1.0 MB of 3.0 MB, 4 s left, 0 of 3 layers, 500.0 KB/s"
    )
    screen.now += 1
    meter.add_bytes(0)
    assert ", 1 of 3 layers, " in screen.lines[-1]


def test_without_a_final_total_there_is_no_percentage() -> None:
    screen = Screen()
    meter = screen.meter("Downloading")
    meter.add_bytes(5)
    assert screen.lines == ["Downloading 5 B, 0 files"]
    meter.expect(10)
    meter.expect(10)
    screen.now += 1
    meter.add_item()
    assert screen.lines[-1] == "Downloading 5 B, 1 of at least 2 files, 0 B/s"


def test_lines_are_shown_ten_times_a_second_and_when_all_is_done() -> None:
    screen = Screen()
    meter = screen.meter()
    meter.expect(100)
    meter.finish_total()
    shown = len(screen.lines)
    for _ in range(100):
        meter.add_bytes(1)
    assert len(screen.lines) == shown
    screen.now += 2 * SHOW_INTERVAL
    meter.add_bytes(0)
    meter.add_item()
    assert screen.lines[shown:] == [
        "Uploading 99 %: 100 B of 100 B",
        "Uploading 100 %: 100 B of 100 B",
    ]


def test_the_rate_follows_the_last_seconds() -> None:
    screen = Screen()
    meter = screen.meter()
    meter.expect(10**9)
    meter.finish_total()
    for rate, seconds in ((1_000_000, 60), (1_000, 60)):
        for _ in range(seconds):
            screen.now += 1
            meter.add_bytes(rate)
    assert screen.lines[-1].endswith(", 1.0 KB/s")


def test_a_failed_item_is_expected_no_more() -> None:
    screen = Screen()
    meter = screen.meter()
    meter.expect(100)
    meter.expect(50)
    meter.finish_total()
    failing, other = meter.start_item(100), meter.start_item(50)
    failing.add_bytes(20)
    other.add_bytes(30)
    failing.fail()
    other.complete()
    assert meter.counts == TransferCounts(items=1, size=50, total_items=1, total_size=50)
    assert screen.lines[-1].startswith("Uploading 100 %")


def test_empty_files_have_a_percentage_too() -> None:
    counts = TransferCounts(items=1, size=0, total_items=4, total_size=0)
    assert counts.format("Uploading", "file") == "Uploading 25 %: 0 B of 0 B, 1 of 4 files"


def test_more_bytes_than_expected_leave_no_time() -> None:
    counts = TransferCounts(items=0, size=9, total_items=1, total_size=5, rate=1.0)
    assert counts.seconds_left == 0
    assert counts.format("Uploading", "file") == "Uploading 99 %: 5 B of 5 B, 0 s left, 1 B/s"


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(-1000, 1000)), max_size=50),
    st.integers(0, 5000),
    st.booleans(),
)
def test_no_history_gives_an_impossible_line(
    steps: list[tuple[float, int]], total: int, is_final: bool
) -> None:
    screen = Screen()
    meter = screen.meter()
    meter.expect(total)
    if is_final:
        meter.finish_total()
    for seconds, count in steps:
        screen.now += seconds
        meter.add_bytes(count)
    counts = meter.counts
    assert counts.share is None or 0 <= counts.share < 1
    assert counts.seconds_left is None or counts.seconds_left >= 0
    assert counts.rate is None or counts.rate >= 0
    assert not any("-" in line or "100 %" in line for line in screen.lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_a_wait_is_said_until_it_ends() -> None:
    lines: list[str] = []
    twice = threading.Event()

    def show(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            twice.set()

    clock = iter([0.0, 5.0, 70.0])
    meter = Meter("Reading", show=show, clock=lambda: next(clock, 70.0), patience=0.001)
    with meter.announce_wait("the registry"):
        assert twice.wait(60)
    count = len(lines)
    assert lines[:2] == ["Waiting for the registry: 5 s", "Waiting for the registry: 1 min 10 s"]
    threads = {thread.name for thread in threading.enumerate()}
    assert "wait" not in threads
    assert len(lines) == count


def test_a_short_wait_and_one_that_nobody_sees_say_nothing() -> None:
    lines: list[str] = []
    with Meter("Reading", show=lines.append, patience=3600).announce_wait("x"):
        pass
    with (
        pytest.raises(ValueError, match="inner"),
        Meter("Reading", show=lines.append, patience=3600).announce_wait("x"),
    ):
        raise ValueError("inner")
    with Meter("Reading", patience=0).announce_wait("x"):
        assert "wait" not in {thread.name for thread in threading.enumerate()}
    assert not lines
