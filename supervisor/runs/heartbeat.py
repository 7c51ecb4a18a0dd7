"""Renew a run's claim in a background thread while the run is executed."""

from __future__ import annotations

import contextlib
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.errors import RunInterrupted, StorageError
from supervisor.signals import SIGNAL_RESEND_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from supervisor.logs import Log

# The supervisor uses it for nothing else, and scripts run in processes of their own.
_INTERRUPT_SIGNAL = signal.SIGUSR1
# Seconds to wait after TERM for a renewal that is under way.
PATIENCE = 3.0


@contextlib.contextmanager
def renew_periodically(renew: Callable[[], None], interval: float, log: Log) -> Iterator[None]:
    """Call ``renew`` every ``interval`` seconds; raise in the block the RunInterrupted it raises.

    In the main thread that interrupts the block; in another thread it is raised at the end of the
    block. After a StorageError the next interval tries again: a lease is three intervals
    long. The thread has ended when the block is left; after TERM it is waited for ``PATIENCE``.
    """
    heartbeat = _Heartbeat(renew, interval, log)
    thread = threading.Thread(target=heartbeat.run, name="heartbeat", daemon=True)
    with _signal_handler(heartbeat):
        # The signal may arrive at any instruction, also inside start() or a finally clause. Two
        # levels of try are enough: the handler raises at most once, and never after disarm().
        try:
            try:
                thread.start()
                yield
                if heartbeat.error is not None:
                    raise heartbeat.error
            finally:
                heartbeat.disarm()
        finally:
            heartbeat.stop.set()
            if thread.ident is not None:
                heartbeat.wait_for_end()
                thread.join()


@dataclass(slots=True)
class _Heartbeat:
    """Renews a claim until ``stop`` is set; interrupts the caller, once, with the ``error``."""

    renew: Callable[[], None]
    interval: float
    log: Log
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    error: RunInterrupted | None = None
    caller: int = field(default_factory=threading.get_ident)
    disarmed: bool = False

    @property
    def can_interrupt(self) -> bool:
        """Whether the caller is the main thread: Python runs signal handlers in no other."""
        return self.caller == threading.main_thread().ident

    def run(self) -> None:
        try:
            self._renew_until_stop()
        finally:
            self.ended.set()

    def wait_for_end(self) -> None:
        """Wait for the renewal that may be under way; raise what interrupts the wait afterwards."""
        # Not Thread.join(): if a signal handler raises in it, Python 3.11 takes the running thread
        # for one that has ended (threading.Thread._wait_for_tstate_lock).
        try:
            self.ended.wait()
        except BaseException:
            # TERM: there is time to record it, but not for all repetitions of a request.
            self.ended.wait(PATIENCE)
            raise

    def _renew_until_stop(self) -> None:
        while not self.stop.wait(self.interval):
            try:
                self.renew()
            except RunInterrupted as error:
                self.error = error
                if self.can_interrupt:
                    self._interrupt()
                return
            except StorageError as error:
                self.log.warning(f"The claim was not renewed: {error.problem}", remedy=error.remedy)

    def _interrupt(self) -> None:
        """Send the signal until the handler has run: see ``SIGNAL_RESEND_INTERVAL``."""
        while not (self.disarmed or self.stop.is_set()):
            signal.pthread_kill(self.caller, _INTERRUPT_SIGNAL)
            self.stop.wait(SIGNAL_RESEND_INTERVAL)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.error is not None and not self.disarmed:
            self.disarmed = True
            raise self.error

    def disarm(self) -> None:
        """Let later signals do nothing."""
        self.disarmed = True


@contextlib.contextmanager
def _signal_handler(heartbeat: _Heartbeat) -> Iterator[None]:
    if not heartbeat.can_interrupt:
        yield
        return
    previous = signal.signal(_INTERRUPT_SIGNAL, heartbeat.on_signal)
    try:
        yield
    finally:
        signal.signal(_INTERRUPT_SIGNAL, previous)
