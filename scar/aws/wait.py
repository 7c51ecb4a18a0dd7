"""Wait for AWS without hanging: every wait ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import StillWaiting

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds, and how often to look; the pauses grow up to ``every``."""

    seconds: float = 600.0
    first: float = 0.05
    every: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Return when ``reached`` says so; raise StillWaiting, naming ``what``, if not."""
        start, pause = self.clock(), self.first
        while not reached():
            left = self.seconds - (self.clock() - start)
            if left <= 0:
                raise StillWaiting(
                    f"{what} is not ready after {self.seconds:.0f} s.",
                    remedy="Run the same command again; scar continues where it stopped.",
                )
            self.sleep(min(pause, left))
            pause = min(pause * 2, self.every)
