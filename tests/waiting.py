"""Waits for what happens in other threads and processes, which may get little of the CPU."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Seconds. Only what never happens takes as long: no test fails because the machine is slow.
PATIENCE = 300.0


def until(truth: Callable[[], T]) -> T:
    """Ask until the answer is true, and return it; fail when the patience is over."""
    end = time.monotonic() + PATIENCE
    while not (answer := truth()):
        assert time.monotonic() < end, f"not so within {PATIENCE:.0f} s"
        time.sleep(0.05)
    return answer
