"""Events of payload format 2.0, as HTTP APIs and function URLs send them to functions.

Sources: API Gateway Developer Guide (AWS Lambda proxy integrations for HTTP APIs), Lambda
Developer Guide (Invoking Lambda function URLs), and events in public reports, November 2026.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

# These belong to the connection between the client and the service (RFC 9110, 7.6.1).
_CONNECTION_HEADERS = re.compile(
    r"connection|expect|keep-alive|proxy-authorization|proxy-connection|te|trailer|upgrade"
    r"|transfer-encoding"
)
_TEXT_TYPE = re.compile(r"text/.+|application/(?:.+\+)?(?:json|xml)|application/javascript")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """A request to an endpoint: path without the address's prefix, and query, as sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """What the service adds. ``time`` in epoch seconds; ``caller`` is None without IAM."""

    account: str
    endpoint_id: str
    region: str
    is_url: bool
    request_id: str
    time: float
    trace: str
    caller: Caller | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The identity that signed a request."""

    access_key: str
    account: str
    arn: str
    user_id: str


def build_event(request: ReceivedRequest, context: EventContext) -> bytes:
    """Return the event as Lambda gets it: UTF-8 JSON."""
    path = request.path if context.is_url else decode_path(request.path)
    headers = _headers(request, context)
    event: dict[str, object] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": _request_context(request, context, path),
        "isBase64Encoded": False,
    }
    if cookie := request.headers.get("cookie", ""):
        event["cookies"] = [part.strip() for part in cookie.split(";") if part.strip()]
    if parameters := _query_parameters(request.query):
        event["queryStringParameters"] = parameters
    if request.body:
        text = _decode_text(request)
        event["isBase64Encoded"] = text is None
        event["body"] = base64.b64encode(request.body).decode() if text is None else text
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def decode_path(path: str) -> str:
    """Return the path as HTTP APIs send it: decoded, and cut at an encoded ``?``.

    Function URLs send it as it was received.
    """
    return unquote(path, errors="replace").partition("?")[0]


def is_text(content_type: str) -> bool:
    """Return whether a body of this type is sent as text, not as base64."""
    return bool(_TEXT_TYPE.fullmatch(content_type.partition(";")[0].strip().lower()))


def _decode_text(request: ReceivedRequest) -> str | None:
    """Return the body as text, None if it is binary."""
    if not is_text(request.headers.get("content-type", "")):
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None


def _query_parameters(query: str) -> dict[str, str]:
    """Return the decoded parameters; the values of one name are joined by commas."""
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=None):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _headers(request: ReceivedRequest, context: EventContext) -> dict[str, str]:
    named = {
        name: value
        for name, value in request.headers.items()
        if not _CONNECTION_HEADERS.fullmatch(name) and name != "cookie"
    }
    port = request.headers.get("host", "").rpartition(":")[2]
    forwarded = request.headers.get("x-forwarded-for", "")
    return {
        **named,
        "content-length": str(len(request.body)),
        "x-amzn-trace-id": context.trace,
        "x-forwarded-for": ", ".join(filter(None, (forwarded, request.source_ip))),
        "x-forwarded-port": port if port.isdecimal() else "80",
        "x-forwarded-proto": "http",
    }


def _request_context(
    request: ReceivedRequest, context: EventContext, path: str
) -> dict[str, object]:
    time = datetime.fromtimestamp(context.time, UTC)
    service = "lambda-url" if context.is_url else "execute-api"
    caller = context.caller
    # An open function URL knows no account of its caller.
    account = context.account if caller or not context.is_url else "anonymous"
    described: dict[str, object] = {
        "accountId": account,
        "apiId": context.endpoint_id,
        "domainName": f"{context.endpoint_id}.{service}.{context.region}."
        + ("on.aws" if context.is_url else "amazonaws.com"),
        "domainPrefix": context.endpoint_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": context.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{time:%d}/{_MONTHS[time.month - 1]}/{time:%Y:%H:%M:%S} +0000",
        "timeEpoch": int(context.time * 1000),
    }
    if caller:
        described["authorizer"] = {
            "iam": {
                "accessKey": caller.access_key,
                "accountId": caller.account,
                "callerId": caller.user_id,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": caller.arn,
                "userId": caller.user_id,
            }
        }
    return described


# strftime's %b depends on the locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
