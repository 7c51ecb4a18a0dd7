"""Renew a claim in the background for as long as a run takes."""

from __future__ import annotations

import contextlib
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import ClaimLost, StorageError
from supervisor.signals import SIGNAL_RESEND_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from supervisor.logs import Log

# Nothing else in the supervisor uses it, and scripts get their own processes.
_INTERRUPT_SIGNAL = signal.SIGUSR1


@contextlib.contextmanager
def renew_periodically(renew: Callable[[], None], interval: float, log: Log) -> Iterator[None]:
    """Call ``renew`` every so many seconds; raise ClaimLost in the block when it does.

    The block is interrupted if it is in the main thread, else ClaimLost comes at its end. A
    store that fails is asked again at the next beat: the lease is three beats long.
    """
    over, lost = threading.Event(), threading.Event()
    here = threading.get_ident()
    interrupt = _MainThreadInterrupt(here, over) if here == threading.main_thread().ident else None

    def renew_until_stopped() -> None:
        while not over.wait(interval):
            try:
                renew()
            except ClaimLost:
                lost.set()
                if interrupt is not None:
                    interrupt.send()
                return
            except StorageError as error:
                log.warning(f"The claim is not renewed: {error.problem}", remedy=error.remedy)

    before = signal.signal(_INTERRUPT_SIGNAL, interrupt) if interrupt is not None else None
    thread = threading.Thread(target=renew_until_stopped, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
        if lost.is_set():
            raise _claim_lost()
    finally:
        over.set()
        thread.join()
        if interrupt is not None:
            signal.signal(_INTERRUPT_SIGNAL, before)


@dataclass(slots=True)
class _MainThreadInterrupt:
    """Raises ClaimLost in the main thread, once, whatever it waits for."""

    thread: int
    over: threading.Event
    delivered: bool = False

    def send(self) -> None:
        """Give the signal until it is heard: see ``alarm``."""
        while not (self.delivered or self.over.is_set()):
            signal.pthread_kill(self.thread, _INTERRUPT_SIGNAL)
            self.over.wait(SIGNAL_RESEND_INTERVAL)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self.delivered:
            self.delivered = True
            raise _claim_lost()


def _claim_lost() -> ClaimLost:
    return ClaimLost(
        "Another attempt has taken this run over: the claim was not renewed in time.",
        remedy="Nothing is lost; the other one goes on.",
    )
