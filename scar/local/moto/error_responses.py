"""Error responses in the format of each AWS protocol."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape

from scar.local.http.messages import Response
from scar.local.moto.calls import PROTOCOLS


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
