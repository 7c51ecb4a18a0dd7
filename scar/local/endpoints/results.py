"""The HTTP response that a function's result describes (payload format 2.0).

A result that is no object with ``statusCode`` is the body of a response with status 200.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

# The connection's own, and those that the service sets itself.
_SERVICE_HEADERS = re.compile(
    r"connection|content-length|date|keep-alive|proxy-authenticate|server|te|trailer|upgrade"
    r"|transfer-encoding"
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_BREAK = re.compile(r"[\r\n\0]")
# Of the response of a function that names no type.
_URL_TYPE = "application/json"
_API_TYPE = "text/plain;charset=UTF-8"


class InvalidResultError(Exception):
    """The function's result has ``statusCode``, but is no HTTP response."""


def decode_result(payload: bytes, *, is_url: bool) -> Response:
    """Return the response of a function's result; raise InvalidResultError."""
    try:
        result = json.loads(payload)
    except ValueError as error:
        raise InvalidResultError("The function's result is not JSON.") from error
    if not isinstance(result, dict) or "statusCode" not in result:
        headers = {"content-type": "application/json"}
        body = result.encode(errors="replace") if isinstance(result, str) else payload
        return Response(status=200, headers=headers, body=body)
    headers = _headers(result.get("headers"))
    if not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = _URL_TYPE if is_url else _API_TYPE
    return Response(
        status=_status(result["statusCode"]),
        headers=headers,
        body=_body(result),
        cookies=_cookies(result.get("cookies")),
    )


def _status(value: object) -> int:
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) == 3:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise InvalidResultError("statusCode is not a number from 200 to 599.")
    return value


def _headers(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidResultError("headers is not an object.")
    headers: dict[str, str] = {}
    for name, given in value.items():
        if isinstance(given, dict | list) or given is None:
            raise InvalidResultError(f"The value of the header {name!r} is not text.")
        text = given if isinstance(given, str) else json.dumps(given)
        if not _TOKEN.fullmatch(name) or _LINE_BREAK.search(text):
            raise InvalidResultError(f"The header {name!r} is malformed.")
        if not _SERVICE_HEADERS.fullmatch(name.lower()):
            headers[name.lower()] = text
    return headers


def _cookies(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(
        isinstance(cookie, str) and not _LINE_BREAK.search(cookie) for cookie in value
    ):
        raise InvalidResultError("cookies is not a list of texts.")
    return tuple(value)


def _body(result: Mapping[str, object]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    # The services accept other JSON values too, as their JSON text.
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    if not result.get("isBase64Encoded"):
        return text.encode(errors="replace")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidResultError("body is not base64, although isBase64Encoded is true.") from error
