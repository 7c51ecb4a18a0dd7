"""How fast runs end: a rate from the times of records, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass, field

WINDOWS = (60.0, 600.0, 3600.0)  # seconds before now; a longer one if few runs ended in a short one
_ENOUGH = 5  # runs that make a rate


@dataclass(slots=True)
class EndRate:
    """The runs that ended in each window: their number, and when the first of them started.

    Times are S3's, in epoch seconds.
    """

    now: float = 0.0
    numbers: list[int] = field(default_factory=lambda: [0] * len(WINDOWS))
    starts: list[float] = field(default_factory=lambda: [0.0] * len(WINDOWS))

    def add(self, started: float, ended: float, now: float) -> None:
        """Count a run that has ended."""
        self.now = max(self.now, now)
        for place, window in enumerate(WINDOWS):
            if ended >= now - window:
                start = max(started, now - window)
                first = self.starts[place] if self.numbers[place] else start
                self.starts[place] = min(first, start)
                self.numbers[place] += 1

    @property
    def per_second(self) -> float:
        """Return the ended runs per second, 0 if none has ended for an hour."""
        for number, start in zip(self.numbers, self.starts, strict=True):
            if number >= _ENOUGH:
                return number / max(1.0, self.now - start)
        return self.numbers[-1] / max(1.0, self.now - self.starts[-1])


def seconds_left(rates: list[EndRate], unfinished: int) -> float | None:
    """Return how long the unfinished runs take at this rate; None if that is not known.

    The first few runs say little: while instances start, one ends after minutes, then many at once.
    """
    if sum(rate.numbers[-1] for rate in rates) < _ENOUGH:
        return None
    per_second = sum(rate.per_second for rate in rates)
    return unfinished / per_second if per_second and unfinished else None
