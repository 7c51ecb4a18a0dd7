"""Retries: which requests are repeated, how often, and after which pauses."""

from __future__ import annotations

import enum
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supervisor.aws.errors import AwsError


class RetryPolicy(enum.StrEnum):
    """Which failed requests the client may send again."""

    ALWAYS = "always"  # idempotent: a second request changes nothing
    IF_NOT_PROCESSED = "without effect"  # not sent, or throttled
    NEVER = "never"  # the caller finds out first whether it took effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Attempts with random pauses of up to ``base`` · 2ⁿ seconds, at most ``cap``.

    Source of the pauses ("full jitter"): AWS Architecture Blog, "Exponential Backoff and Jitter".
    Six attempts pause for at most 12.4 seconds in total.
    """

    max_attempts: int = 6
    base: float = 0.4
    cap: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def iter_attempts(self) -> Iterator[int]:
        """Yield 1, 2, … up to ``max_attempts``, with pauses in between."""
        for attempt in range(1, self.max_attempts + 1):
            yield attempt
            if attempt < self.max_attempts:
                self.sleep(self.pause_after(attempt))

    def pause_after(self, attempt: int) -> float:
        """Return the seconds to wait after this failed attempt, counted from 1."""
        return self.random() * min(self.cap, self.base * 2.0 ** min(attempt - 1, 30))

    def pause_before_last_attempt(self, seconds_left: float) -> float | None:
        """Return the pause if there is no time for a usual one; None without time for an attempt.

        A random part of the time that is left: if the last attempts were made at the deadline,
        callers that started together would send them together.
        """
        return self.random() * seconds_left if seconds_left >= self.base else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlingDeadline:
    """Repeat throttled requests until ``until``, in epoch seconds, whatever their number.

    A service that throttles works; it only takes fewer requests than are sent. ``report`` is
    called once, before the first pause. Other requests are not repeated after ``until``, and none
    is waited for longer: the caller needs the rest of its time.
    """

    until: float
    report: Callable[[AwsError], None] = lambda _error: None
