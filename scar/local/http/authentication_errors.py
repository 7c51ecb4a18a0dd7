"""How AWS says no: one refusal, in the body format of the service that was asked."""

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


class Dialect(enum.StrEnum):
    """The shapes that SDKs parse errors from."""

    S3 = "s3"
    JSON = "json"
    QUERY = "query"
    EC2 = "ec2"


class Reason(enum.StrEnum):
    """Why a request is not let in."""

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
_TEXTS = {
    Reason.MISSING: "The request is not signed.",
    Reason.MALFORMED: "The authorization is malformed.",
    Reason.UNKNOWN_KEY: "The security token included in the request is invalid.",
    Reason.MISMATCH: _MISMATCH,
    Reason.SKEWED: "Signature expired: the request's time differs from the server's by"
    " more than 15 minutes.",
    Reason.EXPIRED: "Request has expired",
    Reason.BODY_HASH: _MISMATCH,
    Reason.TOO_LARGE: "The request is larger than this service takes.",
}
_S3 = {
    Reason.MISSING: (403, "AccessDenied", "Access Denied"),
    Reason.MALFORMED: (400, "AuthorizationHeaderMalformed", ""),
    Reason.UNKNOWN_KEY: (
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    Reason.MISMATCH: (403, "SignatureDoesNotMatch", ""),
    Reason.SKEWED: (
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
    ),
    Reason.EXPIRED: (403, "AccessDenied", ""),
    Reason.BODY_HASH: (400, "XAmzContentSHA256Mismatch", ""),
    Reason.TOO_LARGE: (400, "EntityTooLarge", ""),
}
_JSON = {
    Reason.MISSING: (403, "MissingAuthenticationTokenException"),
    Reason.MALFORMED: (400, "IncompleteSignatureException"),
    Reason.UNKNOWN_KEY: (403, "UnrecognizedClientException"),
    Reason.MISMATCH: (403, "InvalidSignatureException"),
    Reason.SKEWED: (403, "InvalidSignatureException"),
    Reason.EXPIRED: (403, "InvalidSignatureException"),
    Reason.BODY_HASH: (403, "InvalidSignatureException"),
    Reason.TOO_LARGE: (413, "RequestEntityTooLargeException"),
}
_QUERY = {
    Reason.MISSING: (403, "MissingAuthenticationToken"),
    Reason.MALFORMED: (400, "IncompleteSignature"),
    Reason.UNKNOWN_KEY: (403, "InvalidClientTokenId"),
    Reason.MISMATCH: (403, "SignatureDoesNotMatch"),
    Reason.SKEWED: (403, "SignatureDoesNotMatch"),
    Reason.EXPIRED: (403, "SignatureDoesNotMatch"),
    Reason.BODY_HASH: (403, "SignatureDoesNotMatch"),
    Reason.TOO_LARGE: (413, "RequestEntityTooLarge"),
}


@dataclass(frozen=True, slots=True)
class Denial(Exception):
    """A request is not let in; ``detail`` replaces the usual sentence."""

    reason: Reason
    detail: str = ""


def dialect_of(request: Request, service: str) -> Dialect:
    """Tell from the scope's service, or from the request itself, which errors it can read."""
    content_type = request.headers.get("content-type", "")
    if service == "ec2":
        return Dialect.EC2
    if service not in ("", "s3") and content_type.startswith("application/x-www-form-urlencoded"):
        return Dialect.QUERY
    if service in ("", "s3") and "x-amz-target" not in request.headers:
        return Dialect.S3
    return Dialect.JSON


def answer(denial: Denial, dialect: Dialect) -> Response:
    """Build the response that makes an SDK raise the error AWS would make it raise."""
    text = denial.detail or _TEXTS[denial.reason]
    request_id = secrets.token_hex(8).upper()
    match dialect:
        case Dialect.S3:
            status, code, usual = _S3[denial.reason]
            return _s3(status, code, denial.detail or usual or text, request_id)
        case Dialect.JSON:
            status, code = _JSON[denial.reason]
            return _json(status, code, text, request_id)
        case Dialect.QUERY:
            status, code = _QUERY[denial.reason]
            error = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message>"
            return _xml(
                status,
                f"<ErrorResponse><Error>{error}</Error><RequestId>{request_id}</RequestId>"
                "</ErrorResponse>",
                {"x-amzn-requestid": request_id},
            )
        case Dialect.EC2:
            error = f"<Code>AuthFailure</Code><Message>{escape(text)}</Message>"
            return _xml(
                401,
                f"<Response><Errors><Error>{error}</Error></Errors>"
                f"<RequestID>{request_id}</RequestID></Response>",
                {"x-amzn-requestid": request_id},
            )
    assert_never(dialect)


def _s3(status: int, code: str, text: str, request_id: str) -> Response:
    body = (
        f"<Error><Code>{code}</Code><Message>{escape(text)}</Message>"
        f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"
    )
    return _xml(status, body, {"x-amz-request-id": request_id, "x-amz-id-2": request_id})


def _json(status: int, code: str, text: str, request_id: str) -> Response:
    return Response(
        status=status,
        headers={
            "content-type": "application/x-amz-json-1.1",
            "x-amzn-errortype": code,
            "x-amzn-requestid": request_id,
        },
        body=json.dumps({"__type": code, "message": text}).encode(),
    )


def _xml(status: int, body: str, headers: dict[str, str]) -> Response:
    return Response(
        status=status,
        headers={"content-type": "application/xml", **headers},
        body=f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(),
    )
