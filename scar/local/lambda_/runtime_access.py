"""Lets only the sandbox use its Runtime API, which listens on a port that all users can reach."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from scar.local.http.messages import HttpApp, Request

_LOOPBACK: Final = re.compile(r"127\.0\.0\.1(:[0-9]{1,5})?")


class SandboxOnlyApp:
    """Passes requests below ``/<token>/`` to an application, everything else gets status 404.

    The token is in the sandbox's AWS_LAMBDA_RUNTIME_API, to which clients append the path. Other
    users cannot read the environment of its processes (proc(5)). A browser can neither know it,
    nor, after a rebinding of DNS, send a loopback address as Host; it sends Origin.
    """

    def __init__(self, app: HttpApp) -> None:
        self._app = app
        self.token = secrets.token_urlsafe(32)

    def handle(self, request: Request) -> Response:
        token, _, path = request.path.removeprefix("/").partition("/")
        is_known = secrets.compare_digest(token.encode(), self.token.encode())
        host = request.headers.get("host", "")
        if not is_known or not _LOOPBACK.fullmatch(host) or "origin" in request.headers:
            message = json.dumps({"errorMessage": "Not found", "errorType": "NotFound"})
            headers = {"content-type": "application/json"}
            return Response(status=404, headers=headers, body=message.encode())
        request.on_authenticated()
        return self._app.handle(replace(request, path=f"/{path}"))
