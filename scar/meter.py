"""The progress of a long transfer as one line: percent, bytes, items, time left and rate.

``TransferCounts`` is a snapshot and formats the line; it is pure. ``Meter`` counts what several
threads transfer, and passes the line to ``show``, at most ten times a second. It knows nothing of
terminals: see ``scar.cli.output``.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOW_INTERVAL = 0.1  # seconds between two lines
RATE_WINDOW = 15.0  # seconds over which the rate is averaged
_SAMPLE_INTERVAL = 0.5  # seconds between two samples in the window
WAIT_NOTICE = 5.0  # seconds of waiting before it is said, and between two lines
_FIRST_RATE = 1.0  # seconds of transfer before a rate is shown


def format_size(count: int) -> str:
    """Return a number of bytes in decimal units, such as ``1.5 KB``."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_duration(seconds: float) -> str:
    """Return a time span in at most two units: ``45 s``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCounts:
    """A snapshot of a transfer; sizes in bytes, ``rate`` in bytes per second, None if unknown.

    ``is_total_final`` is False while more items may be found.
    """

    items: int
    size: int
    total_items: int
    total_size: int
    is_total_final: bool = True
    rate: float | None = None

    @property
    def share(self) -> float | None:
        """The part that is done, from 0 to 1; by items if all are empty, None if unknown."""
        if not self.is_total_final or not self.total_items:
            return None
        done, total = self.size, self.total_size
        if not total:
            done, total = self.items, self.total_items
        share = min(1.0, max(0.0, done / total))
        # A transfer is not complete before its last item is.
        return share if self.items >= self.total_items else min(share, 0.999)

    @property
    def seconds_left(self) -> float | None:
        """The estimated time until all bytes are transferred; None if it is unknown."""
        if not self.is_total_final or not self.rate:
            return None
        return max(0, self.total_size - self.size) / self.rate

    def format(self, verb: str, noun: str) -> str:
        """Return the line; what matters most comes first, because terminals cut its end.

        For instance ``Uploading 12 %: 1.5 GB of 12.3 GB, 15 min 2 s left, 3 of 40 files,
        12.0 MB/s``.
        """
        share, left = self.share, self.seconds_left
        size = max(0, self.size)
        if share is None:
            least = "at least " if self.total_items else ""
            bytes_, items = f"{format_size(size)}", f"{format_count(self.items, noun)}"
            if least:
                items = f"{self.items:,} of {least}{format_count(self.total_items, noun)}"
        else:
            bytes_ = f"{format_size(min(size, self.total_size))} of {format_size(self.total_size)}"
            items = f"{self.items:,} of {format_count(self.total_items, noun)}"
        parts = [
            bytes_,
            f"{format_duration(left)} left" if left is not None else "",
            items if self.total_items != 1 or share is None else "",
            f"{format_size(round(self.rate))}/s" if self.rate is not None else "",
        ]
        percent = "" if share is None else f" {int(share * 100)} %:"
        return f"{verb}{percent} {', '.join(part for part in parts if part)}"


class Meter:
    """Counts the bytes and items of a transfer; all methods may be called by any thread.

    ``verb`` begins the lines: ``Uploading``. ``noun`` is what is counted: ``file``, ``layer``.
    ``show`` receives the lines, and ``clock`` returns seconds. ``patience``: seconds after which a
    wait is said.
    """

    def __init__(
        self,
        verb: str,
        noun: str = "file",
        show: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience: float = WAIT_NOTICE,
    ) -> None:
        self.verb = verb
        self.noun = noun
        self._patience = patience
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()
        self._items = self._size = self._total_items = self._total_size = 0
        self._is_total_final = False
        self._shown_at = float("-inf")
        self._samples: deque[tuple[float, int]] = deque()

    @property
    def is_shown(self) -> bool:
        """Whether lines are shown, so that the total is of use."""
        return self._show is not None

    def expect(self, size: int, items: int = 1) -> None:
        """Add items that will be transferred, with their size in bytes."""
        with self._lock:
            self._total_items += items
            self._total_size += size

    def finish_total(self) -> None:
        """State that all items were announced with ``expect``: the percentage is known."""
        with self._lock:
            self._is_total_final = True
            self._update(is_complete=False)

    def add_bytes(self, count: int) -> None:
        """Add bytes that were transferred; negative if they have to be transferred again."""
        with self._lock:
            self._size += count
            self._update(is_complete=False)

    def add_item(self) -> None:
        """Add an item that is completely transferred."""
        with self._lock:
            self._items += 1
            self._update(is_complete=self._is_total_final and self._items >= self._total_items)

    def _drop_item(self, size: int, transferred: int) -> None:
        with self._lock:
            self._total_items -= 1
            self._total_size -= size
            self._size -= transferred
            self._update(is_complete=False)

    def start_item(self, size: int) -> MeteredItem:
        """Return the counter of one expected item of this size."""
        return MeteredItem(self, size)

    @contextlib.contextmanager
    def announce_wait(self, subject: str) -> Iterator[None]:
        """Show ``Waiting for <subject>: 10 s`` again and again if the block takes long.

        No line is shown after the block has ended.
        """
        if self._show is None:
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(
            target=self._show_wait, args=(subject, ended, self._show), name="wait", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _show_wait(self, subject: str, ended: threading.Event, show: Callable[[str], None]) -> None:
        start = self._clock()
        while not ended.wait(self._patience):
            show(f"Waiting for {subject}: {format_duration(self._clock() - start)}")

    @property
    def counts(self) -> TransferCounts:
        """The current numbers."""
        with self._lock:
            return self._counts(self._clock())

    def _update(self, *, is_complete: bool) -> None:
        if self._show is None:
            return
        now = self._clock()
        if not self._samples or now - self._samples[-1][0] >= _SAMPLE_INTERVAL:
            self._samples.append((now, self._size))
            while now - self._samples[0][0] > RATE_WINDOW:
                self._samples.popleft()
        if is_complete or now - self._shown_at >= SHOW_INTERVAL:
            self._shown_at = now
            self._show(self._counts(now).format(self.verb, self.noun))

    def _counts(self, now: float) -> TransferCounts:
        return TransferCounts(
            items=self._items,
            size=self._size,
            total_items=self._total_items,
            total_size=self._total_size,
            is_total_final=self._is_total_final,
            rate=self._rate(now),
        )

    def _rate(self, now: float) -> float | None:
        if not self._samples:
            return None
        start, size = self._samples[0]
        if now - start < _FIRST_RATE:
            return None
        return max(0.0, (self._size - size) / (now - start))


class MeteredItem:
    """Counts the bytes of one item, so that those of an item that fails can be subtracted."""

    def __init__(self, meter: Meter, size: int) -> None:
        self._meter = meter
        self._size = size
        self._transferred = 0
        self._lock = threading.Lock()

    def add_bytes(self, count: int) -> None:
        """Add bytes that were transferred; negative if they have to be transferred again."""
        with self._lock:
            self._transferred += count
        self._meter.add_bytes(count)

    def complete(self) -> None:
        """Count the item as transferred, all its bytes included."""
        with self._lock:
            missing = self._size - self._transferred
        if missing:
            self._meter.add_bytes(missing)
        self._meter.add_item()

    def fail(self) -> None:
        """Remove the item from the totals, and its bytes from those that were transferred."""
        with self._lock:
            transferred = self._transferred
        self._meter._drop_item(self._size, transferred)  # noqa: SLF001 two halves of one counter
