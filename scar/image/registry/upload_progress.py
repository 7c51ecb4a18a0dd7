"""How far uploads are, and whether they shall go on; shared by the threads that send."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH = 24  # characters
_EVERY = 0.1  # seconds: more is not seen
_LOOK = 0.2  # seconds between two looks whether to go on


def _silent(text: str) -> None:
    del text


def go_on() -> None:
    """Let everything happen."""


@dataclass(slots=True)
class Progress:
    """Bytes of several uploads; ``show`` gets one line for people, ten times a second at most."""

    show: Callable[[str], None] = _silent
    clock: Callable[[], float] = time.monotonic
    expected: int = 0
    gone: int = 0
    _shown: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def expect(self, size: int) -> None:
        """Announce bytes that are to be sent."""
        with self._lock:
            self.expected += size

    def moved(self, count: int) -> None:
        """Count bytes that were sent; fewer than none if they have to be sent again."""
        with self._lock:
            self.gone += count
            now = self.clock()
            if now - self._shown >= _EVERY or self.gone >= self.expected:
                self._shown = now
                self.show(self._line())

    def _line(self) -> str:
        part = min(1.0, max(0.0, self.gone / self.expected)) if self.expected else 1.0
        bar = "#" * int(part * _WIDTH)
        return (
            f"Pushing [{bar:·<{_WIDTH}}] {part:4.0%}"
            f"  {self.gone / 1e6:,.1f} of {self.expected / 1e6:,.1f} MB"
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """What uploads tell; ``check`` raises if they shall end, such as after Ctrl-C."""

    progress: Progress = field(default_factory=Progress)
    check: Callable[[], None] = go_on

    def moved(self, count: int) -> None:
        """Count, and raise what ``check`` raises."""
        self.progress.moved(count)
        self.check()

    def sleep(self, seconds: float) -> None:
        """Sleep; ``check`` ends it early too."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _LOOK))
