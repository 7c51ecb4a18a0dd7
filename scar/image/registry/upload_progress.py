"""Reports the progress of uploads, and cancels them; shared by the uploading threads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BAR_WIDTH = 24  # characters
_SHOW_INTERVAL = 0.1  # seconds between two updates of the line
_CHECK_INTERVAL = 0.2  # seconds between two checks for cancellation during a wait


def _discard_text(text: str) -> None:
    del text


def never_cancel() -> None:
    """Do nothing: the default check, which never cancels."""


@dataclass(slots=True)
class UploadProgress:
    """The bytes of several uploads; ``show`` is called with a line at most ten times a second."""

    show: Callable[[str], None] = _discard_text
    clock: Callable[[], float] = time.monotonic
    expected: int = 0
    sent: int = 0
    _shown: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add_expected(self, size: int) -> None:
        """Add bytes that will be sent."""
        with self._lock:
            self.expected += size

    def add_sent(self, count: int) -> None:
        """Add bytes that were sent; negative if they have to be sent again."""
        with self._lock:
            self.sent += count
            now = self.clock()
            if now - self._shown >= _SHOW_INTERVAL or self.sent >= self.expected:
                self._shown = now
                self.show(self._format_line())

    def _format_line(self) -> str:
        share = min(1.0, max(0.0, self.sent / self.expected)) if self.expected else 1.0
        bar = "#" * int(share * _BAR_WIDTH)
        return (
            f"Pushing [{bar:·<{_BAR_WIDTH}}] {share:4.0%}"
            f"  {self.sent / 1e6:,.1f} of {self.expected / 1e6:,.1f} MB"
        )


@dataclass(frozen=True, slots=True)
class UploadMonitor:
    """Progress and cancellation of uploads.

    ``check_cancelled`` raises an exception to cancel them, for example after Ctrl-C.
    """

    progress: UploadProgress = field(default_factory=UploadProgress)
    check_cancelled: Callable[[], None] = never_cancel

    def add_sent(self, count: int) -> None:
        """Add bytes that were sent, and raise what ``check_cancelled`` raises."""
        self.progress.add_sent(count)
        self.check_cancelled()

    def sleep(self, seconds: float) -> None:
        """Sleep; an exception of ``check_cancelled`` ends it early."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check_cancelled()
            time.sleep(min(left, _CHECK_INTERVAL))
