"""AWS's responses to requests that fail authentication, in the format of each service."""

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


class ErrorFormat(enum.StrEnum):
    """The formats of error responses that SDKs parse."""

    S3 = "s3"
    JSON = "json"
    QUERY = "query"
    EC2 = "ec2"


class AuthenticationErrorReason(enum.StrEnum):
    """The reason why a request is rejected."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown-key"
    MISMATCH = "mismatch"
    SKEWED = "skewed"
    EXPIRED = "expired"
    BODY_HASH = "body-hash"
    TOO_LARGE = "too-large"


_MISMATCH = (
    "The request signature we calculated does not match the signature you provided."
    " Check your key and signing method."
)
_MESSAGES = {
    AuthenticationErrorReason.MISSING: "The request is not signed.",
    AuthenticationErrorReason.MALFORMED: "The authorization is malformed.",
    AuthenticationErrorReason.UNKNOWN_KEY: "The security token included in the request is invalid.",
    AuthenticationErrorReason.MISMATCH: _MISMATCH,
    AuthenticationErrorReason.SKEWED: "Signature expired: the request's time differs from the"
    " server's by more than 15 minutes.",
    AuthenticationErrorReason.EXPIRED: "Request has expired",
    AuthenticationErrorReason.BODY_HASH: _MISMATCH,
    AuthenticationErrorReason.TOO_LARGE: "The request is too large for this service.",
}
_S3_ERRORS = {
    AuthenticationErrorReason.MISSING: (403, "AccessDenied", "Access Denied"),
    AuthenticationErrorReason.MALFORMED: (400, "AuthorizationHeaderMalformed", ""),
    AuthenticationErrorReason.UNKNOWN_KEY: (
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    AuthenticationErrorReason.MISMATCH: (403, "SignatureDoesNotMatch", ""),
    AuthenticationErrorReason.SKEWED: (
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
    ),
    AuthenticationErrorReason.EXPIRED: (403, "AccessDenied", ""),
    AuthenticationErrorReason.BODY_HASH: (400, "XAmzContentSHA256Mismatch", ""),
    AuthenticationErrorReason.TOO_LARGE: (400, "EntityTooLarge", ""),
}
_JSON_ERRORS = {
    AuthenticationErrorReason.MISSING: (403, "MissingAuthenticationTokenException"),
    AuthenticationErrorReason.MALFORMED: (400, "IncompleteSignatureException"),
    AuthenticationErrorReason.UNKNOWN_KEY: (403, "UnrecognizedClientException"),
    AuthenticationErrorReason.MISMATCH: (403, "InvalidSignatureException"),
    AuthenticationErrorReason.SKEWED: (403, "InvalidSignatureException"),
    AuthenticationErrorReason.EXPIRED: (403, "InvalidSignatureException"),
    AuthenticationErrorReason.BODY_HASH: (403, "InvalidSignatureException"),
    AuthenticationErrorReason.TOO_LARGE: (413, "RequestEntityTooLargeException"),
}
_QUERY_ERRORS = {
    AuthenticationErrorReason.MISSING: (403, "MissingAuthenticationToken"),
    AuthenticationErrorReason.MALFORMED: (400, "IncompleteSignature"),
    AuthenticationErrorReason.UNKNOWN_KEY: (403, "InvalidClientTokenId"),
    AuthenticationErrorReason.MISMATCH: (403, "SignatureDoesNotMatch"),
    AuthenticationErrorReason.SKEWED: (403, "SignatureDoesNotMatch"),
    AuthenticationErrorReason.EXPIRED: (403, "SignatureDoesNotMatch"),
    AuthenticationErrorReason.BODY_HASH: (403, "SignatureDoesNotMatch"),
    AuthenticationErrorReason.TOO_LARGE: (413, "RequestEntityTooLarge"),
}


@dataclass(frozen=True, slots=True)
class AuthenticationError(Exception):
    """A request is rejected; ``detail`` replaces the usual message of the reason."""

    reason: AuthenticationErrorReason
    detail: str = ""


def find_error_format(request: Request, service: str) -> ErrorFormat:
    """Return the error format of the signed service, else one guessed from the request."""
    content_type = request.headers.get("content-type", "")
    # EC2 uses the Query protocol too, but has error documents of its own.
    if service == "ec2":
        return ErrorFormat.EC2
    if service not in ("", "s3") and content_type.startswith("application/x-www-form-urlencoded"):
        return ErrorFormat.QUERY
    if service in ("", "s3") and "x-amz-target" not in request.headers:
        return ErrorFormat.S3
    return ErrorFormat.JSON


def build_error_response(error: AuthenticationError, error_format: ErrorFormat) -> Response:
    """Build the response for which an SDK raises the same error as for AWS's."""
    text = error.detail or _MESSAGES[error.reason]
    request_id = secrets.token_hex(8).upper()
    match error_format:
        case ErrorFormat.S3:
            status, code, usual = _S3_ERRORS[error.reason]
            return _s3_response(status, code, error.detail or usual or text, request_id)
        case ErrorFormat.JSON:
            status, code = _JSON_ERRORS[error.reason]
            return _json_response(status, code, text, request_id)
        case ErrorFormat.QUERY:
            status, code = _QUERY_ERRORS[error.reason]
            document = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message>"
            return _xml_response(
                status,
                f"<ErrorResponse><Error>{document}</Error><RequestId>{request_id}</RequestId>"
                "</ErrorResponse>",
                {"x-amzn-requestid": request_id},
            )
        case ErrorFormat.EC2:
            document = f"<Code>AuthFailure</Code><Message>{escape(text)}</Message>"
            return _xml_response(
                401,
                f"<Response><Errors><Error>{document}</Error></Errors>"
                f"<RequestID>{request_id}</RequestID></Response>",
                {"x-amzn-requestid": request_id},
            )
    assert_never(error_format)


def _s3_response(status: int, code: str, text: str, request_id: str) -> Response:
    body = (
        f"<Error><Code>{code}</Code><Message>{escape(text)}</Message>"
        f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"
    )
    return _xml_response(status, body, {"x-amz-request-id": request_id, "x-amz-id-2": request_id})


def _json_response(status: int, code: str, text: str, request_id: str) -> Response:
    return Response(
        status=status,
        headers={
            "content-type": "application/x-amz-json-1.1",
            "x-amzn-errortype": code,
            "x-amzn-requestid": request_id,
        },
        body=json.dumps({"__type": code, "message": text}).encode(),
    )


def _xml_response(status: int, body: str, headers: dict[str, str]) -> Response:
    return Response(
        status=status,
        headers={"content-type": "application/xml", **headers},
        body=f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(),
    )
