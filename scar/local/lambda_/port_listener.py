"""Serves one HTTP application on a loopback port; each sandbox has its own Runtime API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from scar.local.http.connection import ConnectionLimits
from scar.local.http.server import HttpServer

if TYPE_CHECKING:
    from scar.local.http.messages import HttpApp

# No idle limit: a runtime sends nothing on its connection while an invocation runs.
_LIMITS: Final = ConnectionLimits(connections=32, idle=None)
# Seconds. The only client, the sandbox, is dead when this is closed.
_GRACE: Final = 0.2


class PortListener(Protocol):
    """An HTTP application that is served on 127.0.0.1."""

    @property
    def port(self) -> int: ...

    def close(self) -> None:
        """Stop listening; may be called twice."""


class LoopbackListener:
    """Serves an HTTP application on a port that the kernel chooses."""

    def __init__(self, app: HttpApp) -> None:
        self._server = HttpServer(app, limits=_LIMITS)
        self._port = self._server.start()

    @property
    def port(self) -> int:
        return self._port

    def close(self) -> None:
        self._server.close(_GRACE)
