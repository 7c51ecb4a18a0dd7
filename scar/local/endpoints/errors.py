"""The responses of API Gateway and of function URLs to requests that fail.

Sources: Lambda Developer Guide (troubleshooting of function URLs), API Gateway Developer Guide
(troubleshooting of HTTP APIs), and responses in public reports, November 2026.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from scar.local.http.messages import Response

_URL_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see:"
    " https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


@dataclass(frozen=True, slots=True)
class EndpointErrors:
    """Builds the error responses of one kind of endpoint."""

    is_url: bool

    def forbidden(self, reason: str = "") -> Response:
        """Return the response to a caller without permission; HTTP APIs give no reason."""
        if not self.is_url:
            return _json_response(403, {"message": "Forbidden"})
        response = _json_response(403, {"Message": reason or _URL_FORBIDDEN})
        code = "InvalidSignatureException" if reason else "AccessDeniedException"
        return Response(
            status=403,
            headers={**response.headers, "x-amzn-errortype": code},
            body=response.body,
        )

    def not_found(self) -> Response:
        """Return the response of an address without an endpoint."""
        return _json_response(404, {"message": "Not Found"})

    def too_large(self) -> Response:
        """Return the response to a request above the service's or Lambda's limit."""
        return _json_response(413, {"message": "Request Entity Too Large"})

    def head_too_large(self) -> Response:
        """Return the response to a request line and headers above the service's limit."""
        return _json_response(431, {"message": "Request Header Fields Too Large"})

    def too_many(self) -> Response:
        """Return the response to a request above the rate of its stage."""
        return _json_response(429, {"message": "Too Many Requests"})

    def throttled(self) -> Response:
        """Return the response if the function has no free concurrency."""
        if self.is_url:
            return _json_response(
                429, {"Reason": "ConcurrentInvocationLimitExceeded", "Message": "Rate Exceeded."}
            )
        return self.unavailable()

    def unavailable(self) -> Response:
        """Return the response if the function did not respond in time."""
        return _json_response(503, {"message": "Service Unavailable"})

    def failed(self) -> Response:
        """Return the response if the function failed, or returned no HTTP response."""
        if self.is_url:
            headers = {"content-type": "application/json"}
            return Response(status=502, headers=headers, body=b"Internal Server Error")
        return _json_response(500, {"message": "Internal Server Error"})


def _json_response(status: int, content: object) -> Response:
    return Response(
        status=status,
        headers={"content-type": "application/json"},
        body=json.dumps(content).encode(),
    )
