"""Ends connections whose server is too slow.

The time-outs of sockets count from the last byte: a server that sends one byte a second keeps a
connection open for weeks. A ``SocketGuard`` bounds a whole operation, whatever arrives meanwhile:
at its deadline, a thread shuts the socket down, which ends the blocked call of the other thread.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_IDLE_SECONDS = 5.0  # until the thread ends without work


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLimits:
    """Seconds that a registry has; none of them starts again when some bytes arrive.

    ``document``: for a whole manifest, token or error response. ``response``: for the head of the
    response to an upload, which registries verify first. ``block``: for ``BLOCK_SIZE`` bytes of a
    blob, in both directions: with 60, the slowest rate is 1 KiB/s.
    """

    document: float = 60.0
    response: float = 300.0
    block: float = 60.0


class SocketGuard:
    """A context manager that shuts a socket down unless the block ends within some seconds.

    ``expired`` says whether it did. Without a socket it does nothing.
    """

    def __init__(self, sock: socket.socket | None, seconds: float) -> None:
        self._socket = sock
        self.deadline = time.monotonic() + seconds
        self.expired = False

    def __enter__(self) -> Self:
        if self._socket is not None:
            _WATCHDOG.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _WATCHDOG.remove(self)

    def shut_down(self) -> None:
        """Shut the socket down; called by the watchdog."""
        self.expired = True
        if self._socket is not None:
            # The method of the base class: that of TLS sockets would first drop the TLS state,
            # which the other thread is using. An error means that the connection has ended.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Watchdog:
    """One thread for all guards; it ends when there are none for some seconds."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._guards: set[SocketGuard] = set()
        self._thread: threading.Thread | None = None

    def add(self, guard: SocketGuard) -> None:
        with self._condition:
            self._guards.add(guard)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="registry-deadlines", daemon=True
                )
                self._thread.start()
            else:
                self._condition.notify()

    def remove(self, guard: SocketGuard) -> None:
        # With the lock: after this, no socket that gets the same descriptor is shut down.
        with self._condition:
            self._guards.discard(guard)

    def _watch(self) -> None:
        with self._condition:
            while True:
                now = time.monotonic()
                for guard in [guard for guard in self._guards if guard.deadline <= now]:
                    self._guards.discard(guard)
                    guard.shut_down()
                if self._guards:
                    self._condition.wait(min(guard.deadline for guard in self._guards) - now)
                elif not self._condition.wait(_IDLE_SECONDS) and not self._guards:
                    self._thread = None
                    return


_WATCHDOG = _Watchdog()


def response_socket(raw: Any) -> socket.socket | None:  # noqa: ANN401 - of urllib3 1 or 2
    """Return the socket from which a response of urllib3 is read, if it still has one."""
    sock = getattr(getattr(raw, "connection", None), "answering_socket", None)
    return sock if isinstance(sock, socket.socket) else None
