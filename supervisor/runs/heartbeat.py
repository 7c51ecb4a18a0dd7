"""Renew a claim in the background for as long as a run takes."""

from __future__ import annotations

import contextlib
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import ClaimLost, StorageError
from supervisor.execution.time_limit import AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from supervisor.logs import Log

# Nothing else in the supervisor uses it, and scripts get their own processes.
_SIGNAL = signal.SIGUSR1


@contextlib.contextmanager
def beating(renew: Callable[[], None], every: float, notes: Log) -> Iterator[None]:
    """Call ``renew`` every so many seconds; raise ClaimLost in the block when it does.

    The block is interrupted if it is in the main thread, else ClaimLost comes at its end. A
    store that fails is asked again at the next beat: the lease is three beats long.
    """
    over, lost = threading.Event(), threading.Event()
    here = threading.get_ident()
    interrupt = _Interrupt(here, over) if here == threading.main_thread().ident else None

    def beat() -> None:
        while not over.wait(every):
            try:
                renew()
            except ClaimLost:
                lost.set()
                if interrupt is not None:
                    interrupt.send()
                return
            except StorageError as error:
                notes.warning(f"The claim is not renewed: {error.problem}", remedy=error.remedy)

    before = signal.signal(_SIGNAL, interrupt) if interrupt is not None else None
    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
        if lost.is_set():
            raise _lost()
    finally:
        over.set()
        thread.join()
        if interrupt is not None:
            signal.signal(_SIGNAL, before)


@dataclass(slots=True)
class _Interrupt:
    """Raises ClaimLost in the main thread, once, whatever it waits for."""

    thread: int
    over: threading.Event
    heard: bool = False

    def send(self) -> None:
        """Give the signal until it is heard: see ``alarm``."""
        while not (self.heard or self.over.is_set()):
            signal.pthread_kill(self.thread, _SIGNAL)
            self.over.wait(AGAIN)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self.heard:
            self.heard = True
            raise _lost()


def _lost() -> ClaimLost:
    return ClaimLost(
        "Another attempt has taken this run over: the claim was not renewed in time.",
        remedy="Nothing is lost; the other one goes on.",
    )
