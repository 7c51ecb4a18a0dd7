"""AWS's responses to requests that fail authentication, in the format of each service."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from scar.local.http.protocol_errors import ErrorFormat, ProtocolError, build_protocol_error

if TYPE_CHECKING:
    from scar.local.http.messages import Response


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
    BUSY = "busy"
    REGION = "region"
    TWO_MECHANISMS = "two-mechanisms"
    UNSIGNED_HEADERS = "unsigned-headers"


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
    AuthenticationErrorReason.REGION: "The Region of the credential scope does not exist.",
    AuthenticationErrorReason.BUSY: "Too many large requests are being received. Try again.",
    AuthenticationErrorReason.TWO_MECHANISMS: "Only one auth mechanism allowed; only the"
    " X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header"
    " should be specified",
    AuthenticationErrorReason.UNSIGNED_HEADERS: "There were headers present in the request which"
    " were not signed",
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
    AuthenticationErrorReason.BUSY: (503, "SlowDown", ""),
    AuthenticationErrorReason.REGION: (400, "InvalidRegion", ""),
    AuthenticationErrorReason.TWO_MECHANISMS: (400, "InvalidArgument", ""),
    AuthenticationErrorReason.UNSIGNED_HEADERS: (403, "AccessDenied", ""),
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
    AuthenticationErrorReason.BUSY: (503, "ServiceUnavailable"),
    AuthenticationErrorReason.REGION: (400, "InvalidRegion"),
    AuthenticationErrorReason.TWO_MECHANISMS: (400, "IncompleteSignatureException"),
    AuthenticationErrorReason.UNSIGNED_HEADERS: (403, "InvalidSignatureException"),
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
    AuthenticationErrorReason.BUSY: (503, "ServiceUnavailable"),
    AuthenticationErrorReason.REGION: (400, "InvalidRegion"),
    AuthenticationErrorReason.TWO_MECHANISMS: (400, "IncompleteSignature"),
    AuthenticationErrorReason.UNSIGNED_HEADERS: (403, "SignatureDoesNotMatch"),
}
_EC2_ERRORS = {
    AuthenticationErrorReason.TOO_LARGE: (413, "RequestEntityTooLarge", ""),
    AuthenticationErrorReason.BUSY: (503, "Unavailable", ""),
    AuthenticationErrorReason.REGION: (400, "InvalidRegion", ""),
}


@dataclass(frozen=True, slots=True)
class AuthenticationError(Exception):
    """A request is rejected; ``detail`` replaces the usual message of the reason."""

    reason: AuthenticationErrorReason
    detail: str = ""


def build_error_response(error: AuthenticationError, error_format: ErrorFormat) -> Response:
    """Build the response for which an SDK raises the same error as for AWS's."""
    status, code, usual = _find_error(error.reason, error_format)
    message = error.detail or usual or _MESSAGES[error.reason]
    response = build_protocol_error(
        ProtocolError(status=status, code=code, message=message), error_format
    )
    if error.reason is not AuthenticationErrorReason.BUSY:
        return response
    return replace(response, headers={**response.headers, "retry-after": "1"})


def _find_error(
    reason: AuthenticationErrorReason, error_format: ErrorFormat
) -> tuple[int, str, str]:
    """Return status and code, and the message if it is that of the format alone."""
    match error_format:
        case ErrorFormat.S3:
            return _S3_ERRORS[reason]
        case ErrorFormat.QUERY:
            return (*_QUERY_ERRORS[reason], "")
        case ErrorFormat.EC2:
            return _EC2_ERRORS.get(reason, (401, "AuthFailure", ""))
        case ErrorFormat.JSON | ErrorFormat.CBOR:
            return (*_JSON_ERRORS[reason], "")
    assert_never(error_format)
