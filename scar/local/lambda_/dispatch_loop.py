"""Look for work that is due, in one thread, and run it in others, until the service is closed."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

log = logging.getLogger(__name__)

POLL_INTERVAL: Final = 1.0  # seconds until the next look if nothing is known to be due earlier


class DispatchLoop:
    """Calls ``dispatch`` again and again; it gives the work that is due to ``submit``.

    ``dispatch`` returns the seconds until its next call; ``wake`` makes that call at once.
    ``name`` names the threads, of which ``threads`` run work.
    """

    def __init__(self, name: str, dispatch: Callable[[], float], *, threads: int) -> None:
        self._name = name
        self._dispatch = dispatch
        self._changed = threading.Condition()
        self._woken = False
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"{name} work")
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_closed(self) -> bool:
        """Whether ``stop`` was called: nothing more is to be started."""
        return self._closed.is_set()

    def start(self) -> None:
        """Start to look for work."""
        self._thread.start()

    def wake(self) -> None:
        """Look for work now."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def submit(self, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run the work in a thread of its own, or when one is free."""
        self._executor.submit(work, *args, **kwargs)

    def pause(self, seconds: float) -> bool:
        """Wait in a thread that runs work; return True at once if the loop is or gets closed."""
        return self._closed.wait(seconds)

    def stop(self) -> None:
        """Look for no further work; what runs continues."""
        self._closed.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def join(self) -> None:
        """Wait until all work has ended; call it after what ends the work."""
        self._executor.shutdown()

    def _run(self) -> None:
        while not self.is_closed:
            try:
                pause = self._dispatch()
            except Exception:  # one event's error must not stop the others for ever
                log.exception("the %s failed: an internal error of the local cloud", self._name)
                pause = POLL_INTERVAL
            with self._changed:
                self._changed.wait_for(lambda: self._woken, pause)
                self._woken = False
