"""A time limit for code that blocks in system calls, such as a download."""

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
def enforce_time_limit(seconds: float | None, when: str) -> Iterator[None]:
    """Raise DeadlineExceeded in the block after ``seconds``; main thread only (signals)."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if seconds <= 0:
        raise deadline_exceeded(when)

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise deadline_exceeded(when)

    previous = signal.signal(signal.SIGALRM, on_alarm)
    # The second number repeats the signal: see SIGNAL_RESEND_INTERVAL.
    outer = signal.setitimer(signal.ITIMER_REAL, seconds, SIGNAL_RESEND_INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, *outer)


def deadline_exceeded(when: str) -> DeadlineExceeded:
    """Return the error for a deadline that passed before or during an activity."""
    return DeadlineExceeded(
        f"The deadline passed {when}.",
        remedy="Increase lambda.timeout, or use execution_mode: lambda-batch.",
    )
