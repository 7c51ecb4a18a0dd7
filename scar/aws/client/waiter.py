"""Wait for AWS without hanging: every wait ends, and all can be ended at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from scar.errors import ScarError, WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Result = TypeVar("Result")
_QUIET_SECONDS = 3.0  # seconds: shorter waits are not worth a word
_REPORT_INTERVAL = 30.0  # … and as often a long one is mentioned again
# Seconds: INT that comes just before a thread falls asleep on a lock does not wake it.
_POLL_INTERVAL = 0.2


def wait_for_any(
    running: Iterable[Future[Result]],
) -> tuple[set[Future[Result]], set[Future[Result]]]:
    """Wait until one of the futures is over; return those that are, and the rest.

    The work has to end by itself. Ctrl-C is always heard, which one long wait does not promise.
    """
    done, rest = wait(running, _POLL_INTERVAL, FIRST_COMPLETED)
    while rest and not done:
        done, rest = wait(rest, _POLL_INTERVAL, FIRST_COMPLETED)
    return done, rest


class WaitCancelledError(ScarError):
    """Somebody ended the wait, such as a user who pressed Ctrl-C."""


@dataclass(frozen=True, slots=True)
class CancelToken:
    """Ends the waits of all threads, until it is lifted."""

    _cancelled: threading.Event = field(default_factory=threading.Event)

    def sleep(self, seconds: float) -> None:
        """Sleep; raise CutShort as soon as waiting is over."""
        if self._cancelled.wait(seconds):
            raise _wait_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raise CutShort if waiting is over: for work that is long without any wait."""
        if self._cancelled.is_set():
            raise _wait_cancelled()

    def cancel(self) -> None:
        self._cancelled.set()

    def reset(self) -> None:
        self._cancelled.clear()


def _wait_cancelled() -> WaitCancelledError:
    return WaitCancelledError("The wait was cut short.", remedy="Run the same command again.")


def _ignore_report(text: str) -> None:
    del text


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """How long to wait, in seconds, and how often to look; the pauses grow up to ``every``.

    ``tell`` hears of waits that people would notice.
    """

    timeout: float = 600.0
    first_delay: float = 0.05
    max_delay: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    report: Callable[[str], None] = _ignore_report

    def wait_until(self, condition: Callable[[], bool | str], what: str) -> None:
        """Return when ``reached`` says True; a text says what it is that is waited for.

        Raises StillWaiting, naming ``what``, if it takes too long.
        """
        start, pause, told, said = self.clock(), self.first_delay, 0.0, ""
        while (state := condition()) is not True:
            waited = self.clock() - start
            why = f": {state}" if state else ""
            if waited >= self.timeout:
                raise WaitTimeoutError(
                    f"{what} is not ready after {self.timeout:.0f} s{why}.",
                    remedy="Run the same command again; scar continues where it stopped.",
                )
            if waited > _QUIET_SECONDS and (why != said or waited - told > _REPORT_INTERVAL):
                self.report(f"Waiting for {what}{why} ({waited:.0f} s)")
                told, said = waited, why
            self.sleep(min(pause, self.timeout - waited))
            pause = min(pause * 2, self.max_delay)
