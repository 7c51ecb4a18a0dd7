"""Dispatch of requests: which service handles one, and whether it must be signed."""

from __future__ import annotations

import enum
import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scar.local.http.auth import close_body
from scar.local.http.bodies import BrokenBodyError
from scar.local.http.failures import build_failure_response
from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.local.http.auth import Authenticator
    from scar.local.http.messages import HttpApp, Request

_CREDENTIAL = re.compile(r"Credential=[^/,&\s]+/\d{8}/[^/]*/([^/,&\s]+)/aws4_request")
_INVOKE_PATH = re.compile(
    r"/(?:2015-03-31|2014-11-13|2021-11-15)/functions/[^/]+/"
    r"(?:invocations|invoke-async/?|response-streaming-invocations)"
)
_ENDPOINT_PATHS = ("/_api/", "/_url/")
_REQUEST_IDS = frozenset({"x-amzn-requestid", "x-amz-request-id", "apigw-requestid"})
_JOBS_PATH = re.compile(
    r"/v1/(?:submitjob|describejobs|listjobs|terminatejobs?|canceljobs?|getjobqueuesnapshot)"
)
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
    """The services and other parts of the local cloud that handle requests."""

    CONTROL = "control"
    ENDPOINTS = "endpoints"
    REGISTRY = "registry"
    S3 = "s3"
    LAMBDA = "lambda"
    BATCH = "batch"
    LOGS = "logs"
    MOTO = "rest"


_OWN_CREDENTIALS = frozenset({Route.CONTROL, Route.REGISTRY, Route.ENDPOINTS})
"""Routes whose applications authenticate their requests themselves."""


def find_route(request: Request) -> Route:
    """Return the route of a request: by its path, or by its service.

    By their paths: ``/_scar/``, the functions' endpoints, and ``/v2/``, except for API Gateway's
    requests, which are signed. The service is that of the signature's credential scope. The paths
    cannot be buckets: names of buckets have at least three characters and no ``_``. S3 rejects
    requests without a signature, except those that are recognizably JSON.
    """
    path = request.path
    if path.startswith(_ENDPOINT_PATHS):
        return Route.ENDPOINTS
    if path == "/_scar" or path.startswith("/_scar/"):
        return Route.CONTROL
    service = _signed_service(request)
    if (path == "/v2" or path.startswith("/v2/")) and service != "apigateway":
        return Route.REGISTRY
    return _find_service_route(request, service)


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
    credential = _CREDENTIAL.search(authorization or unquote(request.query))
    if credential:
        return credential[1]
    # A client that sends JSON without a signature is not one of S3: its error must be JSON too.
    return "unsigned" if "x-amz-target" in request.headers else ""


class Router:
    """Authenticates each request and dispatches it to the application of its route.

    ``apps`` has one entry for each route. ``folder`` is named when its disk is full.
    """

    def __init__(
        self,
        apps: Mapping[Route, HttpApp],
        authenticator: Authenticator,
        folder: Path | None = None,
    ) -> None:
        self._apps = apps
        self._authenticator = authenticator
        self._folder = folder

    def handle(self, request: Request) -> Response:
        """Return the response of the request's service, or an error in its protocol."""
        route = find_route(request)
        try:
            if route not in _OWN_CREDENTIALS:
                result = self._authenticator.authenticate(request)
                if isinstance(result, Response):
                    return result
                request = result
            return _with_request_id(self._apps[route].handle(request))
        except (BrokenBodyError, TimeoutError):  # the connection is lost: no response can be sent
            raise
        except Exception as error:  # noqa: BLE001 - one failed request must not end the server
            return build_failure_response(request, _signed_service(request), error, self._folder)
        finally:
            close_body(request.body)


def _with_request_id(response: Response) -> Response:
    """Add the id that every response of AWS has; clients take others for a proxy's."""
    if not _REQUEST_IDS.isdisjoint(response.headers) or any(
        name.lower() in _REQUEST_IDS for name in response.headers
    ):
        return response
    return replace(response, headers={**response.headers, "x-amzn-requestid": str(uuid.uuid4())})
