"""A time limit for what blocks in system calls, such as a download."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

from supervisor.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextlib.contextmanager
def limit(seconds: float | None, doing: str) -> Iterator[None]:
    """Raise DeadlineExceeded in the block after ``seconds``, if it is in the main thread."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if seconds <= 0:
        raise _over(doing)

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _over(doing)

    before = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)


def _over(doing: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"The time was over while {doing}.",
        remedy="Give the function more time, or let Batch take over (mode lambda-batch).",
    )
