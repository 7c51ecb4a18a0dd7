from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from scar.local.lambda_.log_stream import MAX_EVENT_BYTES, TAIL_BYTES, LogStreamWriter

if TYPE_CHECKING:
    from collections.abc import Sequence


class RecordedLog:
    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]], /) -> None:
        self.batches.append([message for _, message in events])

    @property
    def messages(self) -> list[str]:
        return [message for batch in self.batches for message in batch]


class FullDiskLog:
    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]], /) -> None:
        raise OSError(28, "No space left on device")


def a_log(sink: RecordedLog | FullDiskLog) -> LogStreamWriter:
    return LogStreamWriter(sink, "/aws/lambda/f", "stream", clock=lambda: 1.5)


@given(st.lists(st.text(alphabet="aé\n", max_size=30)), st.integers(1, 7))
def test_output_becomes_one_event_per_line_however_it_is_cut(lines: list[str], step: int) -> None:
    sink = RecordedLog()
    log = a_log(sink)
    data = "".join(lines).encode()
    for start in range(0, len(data), step):
        log.write(data[start : start + step])
    log.close()
    text = "".join(lines)
    wanted = text if text.endswith("\n") or not text else text + "\n"
    assert "".join(sink.messages) == wanted
    assert all(message.count("\n") == 1 and message.endswith("\n") for message in sink.messages)


@given(st.integers(0, 3 * MAX_EVENT_BYTES))
def test_a_line_without_end_is_cut_into_events_that_fit(length: int) -> None:
    sink = RecordedLog()
    log = a_log(sink)
    for start in range(0, length, 65_536):
        log.write(b"x" * min(65_536, length - start))
    log.close()
    assert sum(message.count("x") for message in sink.messages) == length
    assert all(len(message.encode()) <= MAX_EVENT_BYTES for message in sink.messages)


def test_an_own_line_comes_after_unfinished_output() -> None:
    sink = RecordedLog()
    log = a_log(sink)
    log.write(b"half")
    log.write_line("END\n")
    log.flush()
    assert sink.messages == ["half\n", "END\n"]


def test_the_tail_is_the_end_of_the_present_call() -> None:
    log = a_log(RecordedLog())
    log.write(b"before\n")
    log.reset_tail()
    for _ in range(5):
        log.write(b"y" * TAIL_BYTES)
    log.write(b"end\n")
    assert log.tail == b"y" * (TAIL_BYTES - 4) + b"end\n"


def test_a_full_disk_does_not_stop_the_function(caplog: object) -> None:
    log = a_log(FullDiskLog())
    log.write_line("START\n")
    log.flush()
    log.close()
