"""Which parts of an HTTP request a script, an event's record and a job may know: no secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from supervisor.events.json_values import invalid_event, is_json_object

if TYPE_CHECKING:
    from supervisor.events.json_values import JsonObject

# Values that would let their reader act as the caller. Signatures of bodies, as webhooks have
# them, are no such values: scripts verify them. Short words count only as a whole (`x-author`).
_SECRET = re.compile(
    r"x-amzn?-.*"
    r"|.*(authorization|authentication|cookie|token|secret|passw|passphrase|credential|session).*"
    r"|(.*-)?(auth|jwt|sid|pwd|(api|access|auth|private|shared|subscription)-?key)(-.*)?"
)
# Others are not passed: `x_a` and `x-a` would be one variable, and the sender may set both.
_NAME = re.compile(r"[a-z0-9-]{1,128}")
# Members of requestContext that identify a caller's credentials, wherever they are.
_SECRET_MEMBERS = frozenset({"accessKey", "apiKey", "cognitoIdentity", "jwt", "claims"})


def read_headers(event: JsonObject) -> dict[str, str]:
    """Return all headers by lower-case name; repeated ones are joined by a comma (RFC 9110)."""
    single, multiple = event.get("headers"), event.get("multiValueHeaders")
    headers = {
        name.lower(): ", ".join(map(str, values))
        for name, values in (multiple.items() if is_json_object(multiple) else ())
        if isinstance(values, list)
    }
    for name, value in single.items() if is_json_object(single) else ():
        headers.setdefault(name.lower(), str(value))
    return headers


def public_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that a script may know."""
    return {name: value for name, value in headers.items() if is_public_header(name)}


def without_header(event: JsonObject, name: str) -> JsonObject:
    """Return the request without a header; ``name`` is in lower case."""
    cleaned = dict(event)
    for member in ("headers", "multiValueHeaders"):
        if is_json_object(headers := event.get(member)):
            cleaned[member] = {k: v for k, v in headers.items() if k.lower() != name}
    return cleaned


def is_public_header(name: str) -> bool:
    """Return whether a script may know the header: it has no credentials, and a plain name."""
    lowered = name.lower()
    return bool(_NAME.fullmatch(lowered)) and not _SECRET.fullmatch(lowered)


def read_parameters(event: JsonObject) -> dict[str, str]:
    """Return the query parameters; values of a repeated one are joined by commas."""
    single = event.get("queryStringParameters") or {}
    multiple = event.get("multiValueQueryStringParameters") or {}
    if not is_json_object(single) or not is_json_object(multiple):
        raise invalid_event("queryStringParameters is not an object", "Send the request unchanged.")
    joined = {k: ",".join(map(str, v)) for k, v in multiple.items() if isinstance(v, list)}
    every = {**{name: str(value) for name, value in single.items()}, **joined}
    return {name: value for name, value in every.items() if not _is_signature(name)}


def without_secrets(event: JsonObject) -> JsonObject:
    """Return the request without credentials: headers, cookies, a signature in the query."""
    cleaned = {name: value for name, value in event.items() if name != "cookies"}
    for name in ("headers", "multiValueHeaders"):
        if is_json_object(members := event.get(name)):
            cleaned[name] = {k: v for k, v in members.items() if is_public_header(k)}
    for name in ("queryStringParameters", "multiValueQueryStringParameters"):
        if is_json_object(members := event.get(name)):
            cleaned[name] = {k: v for k, v in members.items() if not _is_signature(k)}
    if isinstance(query := event.get("rawQueryString"), str):
        kept = (p for p in query.split("&") if not _is_signature(unquote_plus(p.partition("=")[0])))
        cleaned["rawQueryString"] = "&".join(kept)
    if "requestContext" in event:
        cleaned["requestContext"] = _without_members(event["requestContext"])
    return cleaned


def _is_signature(name: str) -> bool:
    """Return whether a query parameter is one of Signature Version 4."""
    return name.lower().startswith("x-amz-")


def _without_members(value: object) -> object:
    if not is_json_object(value):
        return value
    return {k: _without_members(v) for k, v in value.items() if k not in _SECRET_MEMBERS}
