"""A loopback port of its own for one Plane: each sandbox has its own Runtime API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from scar.local.http.connection import ConnectionLimits
from scar.local.http.server import HttpServer

if TYPE_CHECKING:
    from scar.local.http.messages import HttpApp

# A runtime may keep its connection for the whole of a call without a word.
_LIMITS: Final = ConnectionLimits(connections=32, idle=None)
_GRACE: Final = 0.2  # seconds: who would read an answer is dead when this is closed


class PortListener(Protocol):
    """A Plane being served on 127.0.0.1."""

    @property
    def port(self) -> int: ...

    def close(self) -> None:
        """Stop listening; may be called twice."""


class LoopbackListener:
    """Serves a Plane on a port that the kernel chose."""

    def __init__(self, plane: HttpApp) -> None:
        self._server = HttpServer(plane, limits=_LIMITS)
        self._port = self._server.start()

    @property
    def port(self) -> int:
        return self._port

    def close(self) -> None:
        self._server.close(_GRACE)
