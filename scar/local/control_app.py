"""The server's answer to the command line's own requests."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request


class ControlApp:
    """Serves the command line's own requests, which carry a token instead of a signature."""

    def __init__(self, token: str, read_status: Callable[[], dict[str, object]]) -> None:
        self._token = token
        self._status = read_status

    def handle(self, request: Request) -> Response:
        token = request.headers.get("x-scar-token", "")
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return Response(status=403)
        request.on_authenticated()
        if request.path != "/_scar/status":
            return Response(status=404)
        body = json.dumps(self._status()).encode()
        return Response(status=200, headers={"content-type": "application/json"}, body=body)
