"""Error responses in the format of each AWS protocol."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from scar.local.http.messages import Response
from scar.local.moto.calls import PROTOCOLS

if TYPE_CHECKING:
    from scar.local.moto.calls import MotoCall

MAX_BODY = 8 << 20  # bytes; far above any configuration request of the supported services


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """An error of an AWS API: AWS's error code, a message, the HTTP status."""

    code: str
    message: str
    status: int = 400


def render_error(service: str, error: ApiError) -> Response:
    """Return the error as an HTTP response in the service's protocol."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-requestid": request_id}
    code, message = escape(error.code), escape(error.message)
    match PROTOCOLS.get(service, "json"):
        case "query":
            headers["content-type"] = "text/xml"
            text = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
                f"<Message>{message}</Message></Error><RequestId>{request_id}</RequestId>"
                "</ErrorResponse>"
            )
        case "ec2":
            headers["content-type"] = "text/xml"
            text = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>"
                f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
            )
        case "rest-json":
            headers["content-type"] = "application/json"
            headers["x-amzn-errortype"] = error.code
            text = json.dumps({"Type": "User", "message": error.message})
        case _:
            headers["content-type"] = "application/x-amz-json-1.1"
            text = json.dumps({"__type": error.code, "message": error.message})
    return Response(status=error.status, headers=headers, body=text.encode())


def unexpected_value_error(call: MotoCall, error: Exception) -> ApiError:
    """Return the error for a request whose values neither our code nor moto's can process."""
    if isinstance(error, NotImplementedError):
        message = f"The local cloud does not emulate this {call.operation} request: {error}"
        return ApiError(code="NotImplemented", message=message, status=501)
    is_query = PROTOCOLS.get(call.service) in {"query", "ec2"}
    return ApiError(
        code="ValidationError" if is_query else "ValidationException",
        message=f"The local cloud cannot process a value in this {call.operation} request"
        f" ({type(error).__name__}: {error}). Correct the request; the local cloud's log has the"
        " details.",
    )


# Errors of lookups and conversions: a value that AWS would reject reached a table or a parser.
UNEXPECTED_VALUE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
UNSIGNED = ApiError(
    code="MissingAuthenticationToken",
    message="The request has no AWS signature (Signature Version 4), which names its service.",
    status=403,
)
TOO_LARGE = ApiError(
    code="RequestEntityTooLargeException",
    message=f"The request body exceeds {MAX_BODY >> 20} MiB.",
    status=413,
)
