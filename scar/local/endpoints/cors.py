"""Cross-origin resource sharing (CORS): headers and preflight responses as the services add them.

Sources: API Gateway Developer Guide (Configure CORS for HTTP APIs), Lambda Developer Guide
(Cross-origin resource sharing). A service with a CORS configuration discards the function's own
CORS headers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.moto.endpoints.records import EndpointCors

_ORIGIN, _METHOD = "origin", "access-control-request-method"


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a browser asks if it may send a request."""
    return method == "OPTIONS" and _ORIGIN in headers and _METHOD in headers


def allows_origin(cors: EndpointCors | None, origin: str) -> bool:
    """Return whether pages of this origin may call the endpoint."""
    if cors is None:
        return False
    scheme = origin.partition("://")[0].lower()
    return any(
        allowed in ("*", f"{scheme}://*") or allowed.lower() == origin.lower()
        for allowed in cors.origins
    )


def preflight_response(cors: EndpointCors, headers: Mapping[str, str]) -> Response:
    """Return the response to a preflight request: without CORS headers if it is not allowed."""
    named: dict[str, str] = {}
    if allows_origin(cors, headers[_ORIGIN]) and _allows_request(cors, headers):
        named = _origin_headers(cors, headers[_ORIGIN])
        if cors.methods:
            named["access-control-allow-methods"] = ",".join(cors.methods)
        if cors.headers:
            named["access-control-allow-headers"] = ",".join(cors.headers)
        if cors.max_age is not None:
            named["access-control-max-age"] = str(cors.max_age)
    return Response(status=204, headers=named)


def add_cors_headers(response: Response, cors: EndpointCors | None, origin: str) -> Response:
    """Return the response with the configuration's headers, if there is a configuration."""
    if cors is None:
        return response
    kept = {
        name: value
        for name, value in response.headers.items()
        if not name.lower().startswith("access-control-")
    }
    if origin and allows_origin(cors, origin):
        kept |= _origin_headers(cors, origin)
        if cors.exposed:
            kept["access-control-expose-headers"] = ",".join(cors.exposed)
    return replace(response, headers=kept)


def _allows_request(cors: EndpointCors, headers: Mapping[str, str]) -> bool:
    method = headers[_METHOD].upper()
    asked = headers.get("access-control-request-headers", "").lower().split(",")
    names = {name.strip() for name in asked} - {""}
    return ("*" in cors.methods or method in cors.methods) and (
        "*" in cors.headers or names <= set(cors.headers)
    )


def _origin_headers(cors: EndpointCors, origin: str) -> dict[str, str]:
    any_origin = "*" in cors.origins and not cors.credentials
    headers = {"access-control-allow-origin": "*" if any_origin else origin}
    if not any_origin:
        headers["vary"] = "origin"
    if cors.credentials:
        headers["access-control-allow-credentials"] = "true"
    return headers
