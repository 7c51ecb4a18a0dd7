"""Decisions by chance that a seed repeats: hashes of seed, condition, resource and a count.

The n-th request to a resource meets the same fate in every run with the same seed, whatever the
threads do in between. Nothing here depends on a clock.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.conditions.table import CHAOS_RULES, MAX_IN_A_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.local.conditions.table import Condition

MAX_COUNTERS = 100_000
"""Resources whose requests are counted; the one that was not used for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A condition occurs now, for ``seconds``."""

    condition: Condition
    seconds: float


class Draws:
    """The decisions of one seed; counts requests by condition and resource. Thread-safe.

    ``occurrences`` counts what has occurred so far.
    """

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.occurrences: Counter[Condition] = Counter()
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()

    def draw(self, condition: Condition, resource: str) -> Occurrence | None:
        """Return whether the condition occurs for the next request to this resource."""
        return self.draw_one((condition,), resource)

    def draw_one(
        self, conditions: Sequence[Condition], resource: str, *, in_a_row: int = 0
    ) -> Occurrence | None:
        """Return the one of several exclusive conditions that occurs, or None.

        With ``in_a_row``, no more than that many draws of a resource in a row have an occurrence.
        """
        group = conditions[0].name
        count = self._next_count(group, resource)
        chosen = self._chosen(conditions, group, resource, count)
        if chosen is None:
            return None
        earlier = range(count - in_a_row, count)
        if in_a_row and all(self._chosen(conditions, group, resource, n) for n in earlier):
            return None
        with self._lock:
            self.occurrences[chosen] += 1
        low, high = CHAOS_RULES[chosen].seconds
        fraction = self._fraction(f"{group} seconds", resource, count)
        return Occurrence(chosen, low + (high - low) * fraction)

    def draw_fault(self, conditions: Sequence[Condition], resource: str) -> Occurrence | None:
        """Return the fault of the next request to this resource: few in a row, so retries help."""
        return self.draw_one(conditions, resource, in_a_row=MAX_IN_A_ROW)

    def _chosen(
        self, conditions: Sequence[Condition], group: str, resource: str, count: int
    ) -> Condition | None:
        fraction = self._fraction(group, resource, count)
        for condition in conditions:
            fraction -= CHAOS_RULES[condition].probability
            if fraction < 0:
                return condition
        return None

    def _fraction(self, purpose: str, resource: str, count: int) -> float:
        text = "\0".join((self.seed, purpose, resource, str(count)))
        digest = hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def _next_count(self, group: str, resource: str) -> int:
        with self._lock:
            count = self._counts.pop((group, resource), 0)
            self._counts[(group, resource)] = count + 1
            if len(self._counts) > MAX_COUNTERS:
                self._counts.popitem(last=False)
        return count
