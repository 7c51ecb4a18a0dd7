"""Wait for AWS: every wait has a timeout, and all waits can be cancelled at once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from scar.errors import ScarError, WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

Result = TypeVar("Result")
_QUIET_SECONDS = 3.0  # shorter waits are not reported
_REPORT_INTERVAL = 30.0  # seconds between two reports of the same wait
# Seconds. A SIGINT that arrives just before the main thread blocks on a lock does not wake it,
# so no wait on a lock may be longer than this.
_POLL_INTERVAL = 0.2


def wait_for_any(
    running: Iterable[Future[Result]],
) -> tuple[set[Future[Result]], set[Future[Result]]]:
    """Wait until at least one future has completed; return the completed ones and the rest.

    There is no timeout: the work must end by itself. Ctrl-C interrupts the wait within
    ``_POLL_INTERVAL``, which one long ``wait`` does not guarantee.
    """
    from concurrent.futures import FIRST_COMPLETED, wait  # of deployments, not of transfers

    done, rest = wait(running, _POLL_INTERVAL, FIRST_COMPLETED)
    while rest and not done:
        done, rest = wait(rest, _POLL_INTERVAL, FIRST_COMPLETED)
    return done, rest


class WaitCancelledError(ScarError):
    """The wait was cancelled, for instance because the user pressed Ctrl-C."""


@dataclass(frozen=True, slots=True)
class CancelToken:
    """Cancels the waits of all threads, until it is reset."""

    _cancelled: threading.Event = field(default_factory=threading.Event)

    def sleep(self, seconds: float) -> None:
        """Sleep; raise WaitCancelledError as soon as the token is cancelled.

        Ctrl-C interrupts it within ``_POLL_INTERVAL`` in the main thread.
        """
        end = time.monotonic() + seconds
        while True:
            remaining = end - time.monotonic()
            if self._cancelled.wait(max(0.0, min(remaining, _POLL_INTERVAL))):
                raise _wait_cancelled()
            if remaining <= _POLL_INTERVAL:
                return

    def raise_if_cancelled(self) -> None:
        """Raise WaitCancelledError if the token is cancelled: for long work that never sleeps."""
        if self._cancelled.is_set():
            raise _wait_cancelled()

    def cancel(self) -> None:
        self._cancelled.set()

    def reset(self) -> None:
        self._cancelled.clear()


def _wait_cancelled() -> WaitCancelledError:
    return WaitCancelledError("The wait was cancelled.", remedy="Run the same command again.")


def _ignore_report(text: str) -> None:
    del text


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """Timeout and polling interval, in seconds; the interval doubles up to ``max_delay``.

    ``report`` receives a message about waits of more than a few seconds.
    """

    timeout: float = 600.0
    first_delay: float = 0.05
    max_delay: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    report: Callable[[str], None] = _ignore_report

    def wait_until(self, condition: Callable[[], bool | str], what: str) -> None:
        """Return as soon as ``condition`` returns True; a text it returns names the current state.

        ``what`` names the resource in messages. Raise WaitTimeoutError after ``timeout``.
        """
        start, pause, reported_at, reported = self.clock(), self.first_delay, 0.0, ""
        while (state := condition()) is not True:
            waited = self.clock() - start
            why = f": {state}" if state else ""
            if waited >= self.timeout:
                raise WaitTimeoutError(
                    f"Timed out after {self.timeout:.0f} s waiting for {what}{why}.",
                    remedy="Run the same command again; scar continues where it stopped.",
                )
            is_news = why != reported or waited - reported_at > _REPORT_INTERVAL
            if waited > _QUIET_SECONDS and is_news:
                self.report(f"Waiting for {what}{why} ({waited:.0f} s)")
                reported_at, reported = waited, why
            self.sleep(min(pause, self.timeout - waited))
            pause = min(pause * 2, self.max_delay)
