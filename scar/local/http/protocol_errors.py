"""Error responses in the format of the request's protocol, for which SDKs raise their errors."""

from __future__ import annotations

import enum
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never
from xml.sax.saxutils import escape

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from scar.local.http.messages import Request

_S3_SERVICES = frozenset({"s3", "s3express", "s3-outposts", "s3-object-lambda"})
# Services with the protocol rest-xml besides S3; their documents are like those of Query.
_REST_XML_SERVICES = frozenset({"route53", "cloudfront"})


class ErrorFormat(enum.StrEnum):
    """The formats of error responses that SDKs parse."""

    S3 = "s3"
    JSON = "json"
    QUERY = "query"
    EC2 = "ec2"
    CBOR = "cbor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolError:
    """An error code, its message, and the HTTP status."""

    status: int
    code: str
    message: str


def find_error_format(request: Request, service: str) -> ErrorFormat:
    """Return the error format of the signed service, else one guessed from the request."""
    content_type = request.headers.get("content-type", "")
    # EC2 uses the Query protocol too, but has error documents of its own.
    if service == "ec2":
        return ErrorFormat.EC2
    if request.headers.get("smithy-protocol", "").lower() == "rpc-v2-cbor":
        return ErrorFormat.CBOR
    if "x-amz-target" in request.headers:
        return ErrorFormat.JSON
    if service == "" or service in _S3_SERVICES:
        return ErrorFormat.S3
    is_query = content_type.startswith("application/x-www-form-urlencoded")
    if is_query or service in _REST_XML_SERVICES or "Action=" in request.query:
        return ErrorFormat.QUERY
    return ErrorFormat.JSON


def build_protocol_error(error: ProtocolError, error_format: ErrorFormat) -> Response:
    """Build the response for which an SDK raises this error."""
    request_id = secrets.token_hex(8).upper()
    code, text = escape(error.code), escape(error.message)
    match error_format:
        case ErrorFormat.S3:
            document = (
                f"<Error><Code>{code}</Code><Message>{text}</Message>"
                f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"
            )
            ids = {"x-amz-request-id": request_id, "x-amz-id-2": request_id}
            return _xml_response(error.status, document, ids)
        case ErrorFormat.QUERY:
            document = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
                f"<Message>{text}</Message></Error><RequestId>{request_id}</RequestId>"
                "</ErrorResponse>"
            )
            return _xml_response(error.status, document, {"x-amzn-requestid": request_id})
        case ErrorFormat.EC2:
            document = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error>"
                f"</Errors><RequestID>{request_id}</RequestID></Response>"
            )
            return _xml_response(error.status, document, {"x-amzn-requestid": request_id})
        case ErrorFormat.JSON:
            content_type = "application/x-amz-json-1.1"
            body = json.dumps({"__type": error.code, "message": error.message}).encode()
        case ErrorFormat.CBOR:
            content_type = "application/cbor"
            body = _encode_cbor({"__type": error.code, "message": error.message})
        case _:
            assert_never(error_format)
    headers = {"content-type": content_type, "x-amzn-requestid": request_id}
    if error_format is ErrorFormat.CBOR:
        headers["smithy-protocol"] = "rpc-v2-cbor"
    else:
        headers["x-amzn-errortype"] = error.code
    return Response(status=error.status, headers=headers, body=body)


def _xml_response(status: int, body: str, headers: dict[str, str]) -> Response:
    return Response(
        status=status,
        headers={"content-type": "application/xml", **headers},
        body=f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(),
    )


def _encode_cbor(texts: dict[str, str]) -> bytes:
    """Encode up to 23 pairs of texts (RFC 8949: a map, major type 5, of texts, major type 3)."""
    items = b"".join(_encode_cbor_text(text) for pair in texts.items() for text in pair)
    return bytes([0xA0 | len(texts)]) + items


def _encode_cbor_text(text: str) -> bytes:
    data = text.encode()
    return b"\x7a" + len(data).to_bytes(4, "big") + data
