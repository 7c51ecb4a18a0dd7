"""Wait for AWS without hanging: every wait ends, and all can be ended at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from scar.errors import ScarError, StillWaiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Result = TypeVar("Result")
_QUIET = 3.0  # seconds: shorter waits are not worth a word
_REPEAT = 30.0  # … and as often a long one is mentioned again
# Seconds: INT that comes just before a thread falls asleep on a lock does not wake it.
_DEAF = 0.2


def any_done(
    running: Iterable[Future[Result]],
) -> tuple[set[Future[Result]], set[Future[Result]]]:
    """Wait until one of the futures is over; return those that are, and the rest.

    The work has to end by itself. Ctrl-C is always heard, which one long wait does not promise.
    """
    done, rest = wait(running, _DEAF, FIRST_COMPLETED)
    while rest and not done:
        done, rest = wait(rest, _DEAF, FIRST_COMPLETED)
    return done, rest


class CutShort(ScarError):
    """Somebody ended the wait, such as a user who pressed Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Ends the waits of all threads, until it is lifted."""

    _set: threading.Event = field(default_factory=threading.Event)

    def sleep(self, seconds: float) -> None:
        """Sleep; raise CutShort as soon as waiting is over."""
        if self._set.wait(seconds):
            raise _cut_short()

    def check(self) -> None:
        """Raise CutShort if waiting is over: for work that is long without any wait."""
        if self._set.is_set():
            raise _cut_short()

    def cut(self) -> None:
        self._set.set()

    def lift(self) -> None:
        self._set.clear()


def _cut_short() -> CutShort:
    return CutShort("The wait was cut short.", remedy="Run the same command again.")


def _silent(text: str) -> None:
    del text


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds, and how often to look; the pauses grow up to ``every``.

    ``tell`` hears of waits that people would notice.
    """

    seconds: float = 600.0
    first: float = 0.05
    every: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    tell: Callable[[str], None] = _silent

    def until(self, reached: Callable[[], bool | str], what: str) -> None:
        """Return when ``reached`` says True; a text says what it is that is waited for.

        Raises StillWaiting, naming ``what``, if it takes too long.
        """
        start, pause, told, said = self.clock(), self.first, 0.0, ""
        while (state := reached()) is not True:
            waited = self.clock() - start
            why = f": {state}" if state else ""
            if waited >= self.seconds:
                raise StillWaiting(
                    f"{what} is not ready after {self.seconds:.0f} s{why}.",
                    remedy="Run the same command again; scar continues where it stopped.",
                )
            if waited > _QUIET and (why != said or waited - told > _REPEAT):
                self.tell(f"Waiting for {what}{why} ({waited:.0f} s)")
                told, said = waited, why
            self.sleep(min(pause, self.seconds - waited))
            pause = min(pause * 2, self.every)
