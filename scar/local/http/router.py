"""Which plane answers a request, and whether its caller must have signed it."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.http.auth import Authenticator
    from scar.local.http.messages import HttpApp, Request

_CREDENTIAL = re.compile(r"Credential=[^/,&\s]+/\d{8}/[^/]*/([^/,&\s]+)/aws4_request")
_INVOKE_PATH = re.compile(
    r"/(?:2015-03-31|2014-11-13|2021-11-15)/functions/[^/]+/"
    r"(?:invocations|invoke-async/?|response-streaming-invocations)"
)
_JOBS_PATH = re.compile(r"/v1/(?:submitjob|describejobs|listjobs|terminatejob|canceljob)")
_LOG_OPERATIONS = frozenset(
    {
        "CreateLogStream",
        "DeleteLogStream",
        "DescribeLogStreams",
        "FilterLogEvents",
        "GetLogEvents",
        "PutLogEvents",
    }
)


class Route(enum.StrEnum):
    """The parts of the local cloud that answer requests."""

    CONTROL = "control"
    REGISTRY = "registry"
    S3 = "s3"
    LAMBDA = "lambda"
    BATCH = "batch"
    LOGS = "logs"
    MOTO = "rest"


def find_route(request: Request) -> Route:
    """Decide by the path for ``/_scar/`` and ``/v2/``, then by the service that was signed for.

    No bucket is called ``v2`` or ``_scar``: S3's names have three characters or more, none
    of them ``_``. A request without a scope is S3's to refuse.
    """
    path = request.path
    if path == "/_scar" or path.startswith("/_scar/"):
        return Route.CONTROL
    if path == "/v2" or path.startswith("/v2/"):
        return Route.REGISTRY
    return _find_service_route(request, _signed_service(request))


def _find_service_route(request: Request, service: str) -> Route:
    if service in ("", "s3"):
        return Route.S3
    if service == "lambda" and request.method == "POST" and _INVOKE_PATH.fullmatch(request.path):
        return Route.LAMBDA
    if service == "batch" and _JOBS_PATH.fullmatch(request.path):
        return Route.BATCH
    target = request.headers.get("x-amz-target", "")
    if service == "logs" and target.rpartition(".")[2] in _LOG_OPERATIONS:
        return Route.LOGS
    return Route.MOTO


def _signed_service(request: Request) -> str:
    authorization = request.headers.get("authorization", "")
    found = _CREDENTIAL.search(authorization or unquote(request.query))
    if found:
        return found[1]
    # Without a scope, what speaks JSON is no client of S3: let the refusal be readable.
    return "unsigned" if "x-amz-target" in request.headers else ""


class Router:
    """The one plane that the HTTP server sees; ``planes`` has one entry per route."""

    def __init__(self, apps: Mapping[Route, HttpApp], authenticator: Authenticator) -> None:
        self._planes = apps
        self._authenticator = authenticator

    def handle(self, request: Request) -> Response:
        """Route, authenticate where it is asked for, and pass on."""
        route = find_route(request)
        if route not in (Route.CONTROL, Route.REGISTRY):
            admitted = self._authenticator.authenticate(request)
            if isinstance(admitted, Response):
                return admitted
            request = admitted
        return self._planes[route].handle(request)
