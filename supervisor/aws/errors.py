"""Errors of AWS and of the network; storage and batch translate them into their own errors.

AwsError
├── NoCredentials           no source of credentials, or it failed
├── RequestBodyUnreadable   the file to send cannot be read, or was truncated
├── InvalidRequest          nothing was sent: a value cannot be in an HTTP request
├── EndpointUnreachable     nothing was sent: DNS, connection or TLS failed
├── ResponseNotReceived     sent, perhaps in part; no response, or not all of it
├── InvalidResponse         the response cannot be AWS's: damaged, or longer than any of AWS's
└── AwsErrorResponse        AWS returned an error
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.errors import SupervisorError

if TYPE_CHECKING:
    from collections.abc import Mapping

THROTTLING_CODES = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled"}
    | {"TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded"}
)
TRANSIENT_CODES = frozenset({"InternalError", "RequestTimeout", "ServiceUnavailable"})
CLOCK_SKEW_CODES = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
CREDENTIAL_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidToken"}
    | {"TokenRefreshRequired", "UnrecognizedClientException", "InvalidClientTokenId"}
)
SIGNATURE_CODES = ("SignatureDoesNotMatch", "InvalidSignatureException")
AWS = "AWS"
NOT_THE_SERVICE = (
    "Check the endpoint (AWS_ENDPOINT_URL, or that of the storage provider) and the proxies on the"
    " way to it: the response is not one of that service."
)


class AwsError(SupervisorError):
    """``transient``: a retry may succeed. ``outcome_unknown``: the request may have succeeded.

    ``throttled``: the service executed nothing, because it got too many requests.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str = "",
        transient: bool = False,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(problem, remedy=remedy)
        self.transient = transient
        self.outcome_unknown = outcome_unknown
        self.throttled = False


class NoCredentials(AwsError):
    """No source of credentials, or it failed."""


class RequestBodyUnreadable(AwsError):
    """The file to send cannot be read, or was truncated while it was sent."""


class InvalidRequest(AwsError):
    """Nothing was sent: a value cannot be in an HTTP request."""


class EndpointUnreachable(AwsError):
    """Nothing was sent: DNS, connection or TLS failed."""


class ResponseNotReceived(AwsError):
    """The request was sent, perhaps in part; no response was received, or not all of it."""

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem, remedy=remedy, transient=True, outcome_unknown=True)


class InvalidResponse(AwsError):
    """The response cannot be AWS's: damaged, or longer than any of AWS's."""

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem, remedy=remedy or NOT_THE_SERVICE, outcome_unknown=True)


class AwsErrorResponse(AwsError):
    """An error response: HTTP status, code (empty for HEAD), message, and the bucket's Region.

    ``server`` is who returned it: AWS, or a storage provider of the FDL.
    """

    def __init__(
        self, status: int, code: str, message: str, *, region: str = "", server: str = AWS
    ) -> None:
        text = ": ".join(part for part in (code, message) if part) or "without a message"
        throttled = status == 429 or code in THROTTLING_CODES
        server_error = code in TRANSIENT_CODES or status in (500, 502, 503, 504)
        super().__init__(
            f"{server} returned {status}, {text}",
            remedy=_find_remedy(code, message, server),
            transient=throttled or server_error,
            # A throttled request was not executed; a server error may follow the execution.
            outcome_unknown=server_error and not throttled,
        )
        self.throttled = throttled
        self.status = status
        self.code = code
        self.message = message
        self.region = region
        self.server = server


def parse_error_response(
    status: int, headers: Mapping[str, str], body: bytes, server: str = AWS
) -> AwsErrorResponse:
    """Parse an error of S3 (XML), of a JSON service, or of a proxy (neither)."""
    region = headers.get("x-amz-bucket-region", "")
    text = body.lstrip()
    if text.startswith(b"<"):
        fields = parse_xml_fields(text)
        return AwsErrorResponse(
            status,
            fields.get("Code", ""),
            fields.get("Message", "") or fields.get("message", ""),  # the second is SabreDAV's
            region=region or fields.get("Region", ""),
            server=server,
        )
    code = headers.get("x-amzn-errortype", "").partition(":")[0]
    try:
        data = json.loads(text)
        message = str(data.get("message") or data.get("Message") or "")
        code = code or str(data.get("__type") or data.get("code") or "").rpartition("#")[2]
    except (AttributeError, RecursionError, ValueError):
        message = text[:200].decode(errors="replace")
    return AwsErrorResponse(status, code, message, region=region, server=server)


def parse_xml_fields(document: bytes) -> dict[str, str]:
    """Return the root's name with "" and its direct children's names with their texts.

    Empty for a document that is not XML, or that declares a document type, as AWS's never do:
    entities could make it much longer.
    """
    from xml.etree import ElementTree as ET

    if b"<!DOCTYPE" in document:
        return {}
    try:
        root = ET.fromstring(document)  # noqa: S314
    except ET.ParseError:
        return {}
    fields = {child.tag.rpartition("}")[2]: child.text or "" for child in root}
    return {root.tag.rpartition("}")[2]: "", **fields}


def _find_remedy(code: str, message: str, server: str) -> str:
    if code in CLOCK_SKEW_CODES or "Signature expired" in message or "Signature not yet" in message:
        return "Correct the system clock: it differs from AWS's by more than five minutes."
    if server != AWS and code in (*CREDENTIAL_CODES, *SIGNATURE_CODES):
        return f"Check access_key and secret_key of {server} in storage_providers of the FDL."
    if code in CREDENTIAL_CODES:
        return (
            "Renew the credentials: they are invalid, have expired or were revoked. A function or"
            " job gets new ones with its next start: run it again."
        )
    if code in SIGNATURE_CODES:
        return "Check the secret access key, and that no proxy changes the requests."
    return ""
