"""Requests of API Gateway (payload formats 1.0 and 2.0) and of function URLs.

The body is data, whatever it contains: it becomes the input file. Nothing in a request selects a
script, a command or a job's options; so much an endpoint may promise to everybody who calls it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from typing import TYPE_CHECKING

from supervisor.errors import EventError, RequestRefused
from supervisor.events.http_headers import (
    public_headers,
    read_headers,
    read_parameters,
    without_header,
    without_secrets,
)
from supervisor.events.json_values import (
    ACCEPTED_KEY,
    compact_json,
    invalid_event,
    is_json_object,
)
from supervisor.invocation import DirectInvocation, HttpRequest, is_run_date, is_run_id

if TYPE_CHECKING:
    from supervisor.events.json_values import JsonObject

BODY_HEADER = "x-scar-body"
INVOCATION_HEADER, PREFER_HEADER = "x-amz-invocation-type", "prefer"
_BODY_ID = re.compile(r"[0-9a-f]{32}")


def parse_api_request(event: JsonObject) -> DirectInvocation:
    """Parse a request: its body is the payload. Raise RequestRefused."""
    try:
        return _parse_request(event)
    except RequestRefused:
        raise
    except EventError as error:
        raise RequestRefused(error.problem, remedy=error.remedy) from error


def parse_accepted_request(event: JsonObject) -> DirectInvocation:
    """Parse what the function sent to itself; it is asynchronous no more: no loop is possible.

    Raise EventError: the sender is this function, or an identity that may invoke it.
    """
    from dataclasses import replace

    accepted = event[ACCEPTED_KEY]
    members = accepted if is_json_object(accepted) else {}
    run, date, request = (members.get(name) for name in ("run", "date", "event"))
    if not (isinstance(run, str) and is_run_id(run) and isinstance(date, str)):
        raise invalid_event(f"{ACCEPTED_KEY}.run is not the id of a run", "Call the endpoint.")
    if not is_run_date(date) or not is_json_object(request):
        raise invalid_event(f"{ACCEPTED_KEY} has no valid date or event", "Call the endpoint.")
    parsed = _parse_request(request)
    return replace(parsed, is_api_request=False, accepted=(run, date))


def accepted_event(request: JsonObject, run: str, date: str) -> JsonObject:
    """Return the asynchronous event that makes the request this run."""
    return {ACCEPTED_KEY: {"run": run, "date": date, "event": request}}


def without_asynchronous(event: JsonObject) -> JsonObject:
    """Return the request without the headers that make it an asynchronous one."""
    names = (INVOCATION_HEADER, PREFER_HEADER)
    cleaned = dict(event)
    for member in ("headers", "multiValueHeaders"):
        if is_json_object(headers := event.get(member)):
            cleaned[member] = {k: v for k, v in headers.items() if k.lower() not in names}
    return cleaned


def with_stored_body(event: JsonObject, body_id: str) -> JsonObject:
    """Return the request with a reference to its body instead of the body itself."""
    headers = event.get("headers")
    named = {**(headers if is_json_object(headers) else {}), BODY_HEADER: body_id}
    return {**event, "headers": named, "body": None, "isBase64Encoded": False}


def event_for_script(trigger: DirectInvocation) -> str:
    """Return the trigger's event without the id of its body, which lets others send that body."""
    if trigger.request is None or not trigger.request.body_id:
        return trigger.event
    event: object = json.loads(trigger.event)
    accepted = event.get(ACCEPTED_KEY) if is_json_object(event) else None
    if is_json_object(accepted) and is_json_object(request := accepted.get("event")):
        kept = {**accepted, "event": without_header(request, BODY_HEADER)}
        return compact_json({ACCEPTED_KEY: kept})
    return compact_json(without_header(event, BODY_HEADER)) if is_json_object(event) else ""


def _parse_request(event: JsonObject) -> DirectInvocation:
    headers = read_headers(event)
    body = event.get("body")
    payload = None if body in (None, "") else _decode_body(event, body, headers)
    request = HttpRequest(
        method=_read_method(event),
        path=_read_path(event),
        headers=public_headers({k: v for k, v in headers.items() if k != BODY_HEADER}),
        body_id=_read_body_id(headers, has_body=payload is not None),
        is_asynchronous=_is_asynchronous(headers),
    )
    is_json = "json" in headers.get("content-type", "").lower()
    return DirectInvocation(
        event=compact_json(without_secrets(event)),
        payload=payload,
        file_name="api_event.json" if is_json else "api_event_file",
        parameters=read_parameters(event),
        is_api_request=True,
        request=request,
    )


def _read_method(event: JsonObject) -> str:
    context = event.get("requestContext")
    http = context.get("http") if is_json_object(context) else None
    method = http.get("method") if is_json_object(http) else event.get("httpMethod")
    return str(method or "")


def _read_path(event: JsonObject) -> str:
    """Return the path without the stage, which only payload format 2.0 puts before it."""
    if not isinstance(raw := event.get("rawPath"), str):
        return str(event.get("path") or "/")
    context = event.get("requestContext")
    stage = f"/{context.get('stage', '')}" if is_json_object(context) else ""
    if stage not in ("", "/", "/$default") and f"{raw}/".startswith(f"{stage}/"):
        raw = raw.removeprefix(stage)
    return raw or "/"


def _read_body_id(headers: dict[str, str], *, has_body: bool) -> str:
    if BODY_HEADER not in headers:
        return ""
    body_id = headers[BODY_HEADER].strip()
    if not _BODY_ID.fullmatch(body_id):
        raise RequestRefused(
            "X-Scar-Body is not the id of an uploaded body.",
            remedy="Send the value of `body` that /.scar/upload returned: 32 hexadecimal digits.",
        )
    if has_body:
        raise RequestRefused(
            "The request has a body, and X-Scar-Body names another.", remedy="Send one of them."
        )
    return body_id


def _is_asynchronous(headers: dict[str, str]) -> bool:
    """Return whether SCAR's header says so, or that of RFC 7240."""
    kind = headers.get(INVOCATION_HEADER, "").strip().lower()
    if kind not in ("", "event", "requestresponse"):
        raise RequestRefused(
            "X-Amz-Invocation-Type is neither Event nor RequestResponse.",
            remedy="Send Event for an asynchronous request, or omit the header.",
        )
    preferences = (p.partition(";")[0] for p in headers.get(PREFER_HEADER, "").split(","))
    return kind == "event" or "respond-async" in (p.strip().lower() for p in preferences)


def _decode_body(event: JsonObject, body: object, headers: dict[str, str]) -> bytes:
    if not isinstance(body, str):
        return compact_json(body).encode()
    if event.get("isBase64Encoded"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid_event(
                "body is not base64, as isBase64Encoded says", "Encode it."
            ) from error
    # SCAR's `invoke` sends files as base64 text of this type, without isBase64Encoded.
    if "octet-stream" in headers.get("content-type", "").lower():
        with contextlib.suppress(binascii.Error, ValueError):
            return base64.b64decode("".join(body.split()).encode("ascii"), validate=True)
    return body.encode("utf-8", "surrogatepass")
