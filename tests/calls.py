"""Count calls of functions: the work of a piece of code, whatever the machine's speed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def count_calls(work: Callable[[], object]) -> int:
    """Return how many calls of Python functions the work makes, the second time it is done."""
    work()  # fills caches
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls
