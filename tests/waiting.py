"""Wait for results of other threads and processes, which may get little CPU time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Seconds; so long that no test fails because the machine is slow.
TIMEOUT = 300.0


def until(condition: Callable[[], T]) -> T:
    """Call ``condition`` until its result is true, and return that; fail after TIMEOUT seconds."""
    end = time.monotonic() + TIMEOUT
    while not (result := condition()):
        assert time.monotonic() < end, f"condition not met within {TIMEOUT:.0f} s"
        time.sleep(0.05)
    return result
