"""How far uploads are, and whether they shall go on; shared by the threads that send."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BAR_WIDTH = 24  # characters
_SHOW_INTERVAL = 0.1  # seconds: more is not seen
_CHECK_INTERVAL = 0.2  # seconds between two looks whether to go on


def _discard_text(text: str) -> None:
    del text


def never_cancel() -> None:
    """Let everything happen."""


@dataclass(slots=True)
class UploadProgress:
    """Bytes of several uploads; ``show`` gets one line for people, ten times a second at most."""

    show: Callable[[str], None] = _discard_text
    clock: Callable[[], float] = time.monotonic
    expected: int = 0
    sent: int = 0
    _shown: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add_expected(self, size: int) -> None:
        """Announce bytes that are to be sent."""
        with self._lock:
            self.expected += size

    def add_sent(self, count: int) -> None:
        """Count bytes that were sent; fewer than none if they have to be sent again."""
        with self._lock:
            self.sent += count
            now = self.clock()
            if now - self._shown >= _SHOW_INTERVAL or self.sent >= self.expected:
                self._shown = now
                self.show(self._format_line())

    def _format_line(self) -> str:
        part = min(1.0, max(0.0, self.sent / self.expected)) if self.expected else 1.0
        bar = "#" * int(part * _BAR_WIDTH)
        return (
            f"Pushing [{bar:·<{_BAR_WIDTH}}] {part:4.0%}"
            f"  {self.sent / 1e6:,.1f} of {self.expected / 1e6:,.1f} MB"
        )


@dataclass(frozen=True, slots=True)
class UploadMonitor:
    """What uploads tell; ``check`` raises if they shall end, such as after Ctrl-C."""

    progress: UploadProgress = field(default_factory=UploadProgress)
    check_cancelled: Callable[[], None] = never_cancel

    def add_sent(self, count: int) -> None:
        """Count, and raise what ``check`` raises."""
        self.progress.add_sent(count)
        self.check_cancelled()

    def sleep(self, seconds: float) -> None:
        """Sleep; ``check`` ends it early too."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check_cancelled()
            time.sleep(min(left, _CHECK_INTERVAL))
