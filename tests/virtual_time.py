"""A clock that only sleeping advances, for waits of minutes in tests of milliseconds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from scar.aws.client.call_waits import CallWaits


@dataclass(slots=True)
class VirtualTime:
    """Seconds since the start; threads that sleep at the same time share the time they sleep."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        with self._lock:
            self.now = max(self.now, end)
            self.slept.append(seconds)

    def waits(self) -> CallWaits:
        """Return waits inside API calls that take no real time, each as long as it may be."""
        return CallWaits(clock=self.clock, sleep=self.sleep, jitter=lambda longest: longest)
