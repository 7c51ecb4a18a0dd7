"""The application before the services have started, and while they stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from scar.local.http.messages import HttpApp, Request


class StartupGate:
    """Answers 503 until all services have started, and again while they stop."""

    def __init__(self) -> None:
        self._app: HttpApp | None = None

    def open(self, app: HttpApp) -> None:
        self._app = app

    def close(self) -> None:
        self._app = None

    def handle(self, request: Request) -> Response:
        # Read once: another thread may close the gate between a test and the call.
        app = self._app
        if app is None:
            return Response(status=503, headers={"retry-after": "1"})
        return app.handle(request)
