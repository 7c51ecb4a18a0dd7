"""A time limit for what blocks in system calls, such as a download."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

from supervisor.errors import DeadlineExceeded
from supervisor.signals import SIGNAL_RESEND_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextlib.contextmanager
def enforce_time_limit(seconds: float | None, activity: str) -> Iterator[None]:
    """Raise DeadlineExceeded in the block after ``seconds``, if it is in the main thread."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if seconds <= 0:
        raise _deadline_exceeded(activity)

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise _deadline_exceeded(activity)

    before = signal.signal(signal.SIGALRM, on_alarm)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds, SIGNAL_RESEND_INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *outer)


def _deadline_exceeded(doing: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"The time was over while {doing}.",
        remedy="Give the function more time, or let Batch take over (mode lambda-batch).",
    )
