"""When requests are repeated, how often, and after which pauses."""

from __future__ import annotations

import enum
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RetryPolicy(enum.StrEnum):
    """When a request may be sent again without asking."""

    ALWAYS = "always"  # a second one changes nothing
    IF_NOT_PROCESSED = "without effect"  # not sent, or refused by throttling
    NEVER = "never"  # the caller looks first what became of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How often a request is tried; pauses are random up to ``base`` · 2ⁿ seconds, then ``cap``.

    Source of the random ("full jitter") pauses: AWS Architecture Blog, "Exponential Backoff
    and Jitter". Six attempts take at most 12 seconds of pauses.
    """

    max_attempts: int = 6
    base: float = 0.4
    cap: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def iter_attempts(self) -> Iterator[int]:
        """Yield 1, 2, …, pausing in between."""
        for attempt in range(1, self.max_attempts + 1):
            yield attempt
            if attempt < self.max_attempts:
                self.sleep(self.random() * min(self.cap, self.base * 2 ** (attempt - 1)))
