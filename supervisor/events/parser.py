"""Parse an event into triggers; the only module that URL-decodes object keys."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from supervisor.errors import EventError
from supervisor.invocation import DirectInvocation, ObjectEvent
from supervisor.model import ObjectRef, VersionPin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

    from supervisor.invocation import Trigger

JsonObject = dict[str, object]
SUPPORTED_MAJOR_VERSION = "2"
# Prefix of the configurationId in events that `scar run` sends; ids of notification configurations
# that scar creates do not start with it.
MANUAL_RUN_PREFIX = "scar-run:"
# AWS nests at most an SNS message in an SQS message.
MAX_NESTING = 3


def parse_event(raw: bytes) -> tuple[Trigger, ...]:
    """Return the triggers of an event, one per run; none if it is to be ignored.

    Supported: S3 notifications (also inside SQS, SNS and EventBridge envelopes), API Gateway and
    function URL requests, direct invocations. Raise EventError for a malformed one of these.
    """
    try:
        event: object = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _invalid_event(f"it is not JSON: {error}", "Send a JSON document.") from error
    if not _is_json_object(event):
        return (_payload_invocation(event),)
    if _is_notification(event):
        return tuple(_from_notification(event, 0))
    if _is_api_request(event):
        return (_from_api_request(event),)
    return (_from_direct_invocation(event),)


def compact_json(value: object) -> str:
    """Return JSON as scripts see it: compact, characters outside ASCII not escaped.

    With a lone surrogate, which UTF-8 cannot encode, everything outside ASCII stays escaped.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def _is_json_object(value: object) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


def _is_notification(event: JsonObject) -> bool:
    if event.get("Event") == "s3:TestEvent" or event.get("source") == "aws.s3":
        return True
    records = event.get("Records")
    if not isinstance(records, list):
        return False
    return any(
        _is_json_object(r) and ("s3" in r or _event_source(r).startswith("aws:")) for r in records
    )


def _event_source(record: JsonObject) -> str:
    return str(record.get("eventSource") or record.get("EventSource") or "")


def _from_notification(event: JsonObject, depth: int) -> Iterator[ObjectEvent]:
    if depth > MAX_NESTING:
        raise _invalid_event(
            "its envelopes are nested too deeply", "Send the notification unchanged."
        )
    if event.get("Event") == "s3:TestEvent":
        return
    if event.get("source") == "aws.s3":
        yield from _from_eventbridge(event)
        return
    records = event.get("Records")
    if not isinstance(records, list):
        raise _invalid_event("it has no list Records", "Send the notification unchanged.")
    for number, record in enumerate(records):
        where = f"Records[{number}]"
        if not _is_json_object(record):
            raise _invalid_event(f"{where} is not an object", "Send the notification unchanged.")
        yield from _unwrap_record(record, where, depth)


def _unwrap_record(record: JsonObject, where: str, depth: int) -> Iterator[ObjectEvent]:
    match _event_source(record):
        case "aws:sqs":
            yield from _from_notification(_parse_envelope(record, "body", where), depth + 1)
        case "aws:sns":
            message = _require_object(record, "Sns", where)
            yield from _from_notification(
                _parse_envelope(message, "Message", f"{where}.Sns"), depth + 1
            )
        case "aws:s3" | "":
            yield from _from_s3_record(record, where)
        case other:
            raise _invalid_event(
                f"{where} comes from {other!r}", "Connect the function to S3 only."
            )


def _parse_envelope(record: JsonObject, name: str, where: str) -> JsonObject:
    try:
        inner: object = json.loads(_require_text(record, name, where))
    except (ValueError, RecursionError) as error:
        raise _invalid_event(
            f"{where}.{name} is not JSON: {error}", "Send S3 notifications."
        ) from error
    if not _is_json_object(inner):
        raise _invalid_event(f"{where}.{name} is not a JSON object", "Send S3 notifications.")
    # In a queue, SNS wraps the message in its own envelope unless raw message delivery is enabled.
    if inner.get("Type") == "Notification" and "Message" in inner:
        return _parse_envelope(inner, "Message", f"{where}.{name}")
    return inner


def _from_s3_record(record: JsonObject, where: str) -> Iterator[ObjectEvent]:
    version = str(record.get("eventVersion", SUPPORTED_MAJOR_VERSION))
    if version.partition(".")[0] != SUPPORTED_MAJOR_VERSION:
        raise _invalid_event(
            f"{where}.eventVersion is {version}, only {SUPPORTED_MAJOR_VERSION} is supported",
            "Update scar and run `scar init` again.",
        )
    name = str(record.get("eventName", "ObjectCreated:")).removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return
    s3 = _require_object(record, "s3", where)
    bucket = _require_text(
        _require_object(s3, "bucket", f"{where}.s3"), "name", f"{where}.s3.bucket"
    )
    item = _require_object(s3, "object", f"{where}.s3")
    key = unquote_plus(_require_text(item, "key", f"{where}.s3.object"))
    if key.endswith("/"):  # a folder: the S3 console creates an empty object for it
        return
    yield ObjectEvent(
        source=ObjectRef("s3", bucket, key),
        version=VersionPin(
            version_id=str(item.get("versionId") or ""), etag=str(item.get("eTag") or "").strip('"')
        ),
        sequencer=str(item.get("sequencer") or ""),
        time=str(record.get("eventTime") or ""),
        event=compact_json({"Records": [record]}),
        manual_run_id=_manual_run_id(s3),
        size=_object_size(item),
    )


def _manual_run_id(s3: JsonObject) -> str:
    """Return the id that ``scar run`` gave the event, empty for events of S3."""
    rule = s3.get("configurationId")
    return rule if isinstance(rule, str) and rule.startswith(MANUAL_RUN_PREFIX) else ""


def _from_eventbridge(event: JsonObject) -> Iterator[ObjectEvent]:
    if event.get("detail-type") != "Object Created":
        return
    detail = _require_object(event, "detail", "event")
    bucket = _require_text(_require_object(detail, "bucket", "detail"), "name", "detail.bucket")
    item = _require_object(detail, "object", "detail")
    key = _require_text(item, "key", "detail.object")  # EventBridge does not encode keys
    if key.endswith("/"):
        return
    yield ObjectEvent(
        source=ObjectRef("s3", bucket, key),
        version=VersionPin(
            version_id=str(item.get("version-id") or ""), etag=str(item.get("etag") or "")
        ),
        sequencer=str(item.get("sequencer") or ""),
        time=str(event.get("time") or ""),
        event=compact_json(event),
        size=_object_size(item),
    )


def _object_size(item: JsonObject) -> int:
    """Return an object's size, 0 if it is invalid: it is used only to fail early."""
    size = item.get("size")
    return size if isinstance(size, int) and size > 0 else 0


def _is_api_request(event: JsonObject) -> bool:
    context = event.get("requestContext")
    has_path = "httpMethod" in event or "rawPath" in event
    return has_path or (_is_json_object(context) and ("http" in context or "httpMethod" in context))


def _from_api_request(event: JsonObject) -> DirectInvocation:
    parameters = event.get("queryStringParameters") or {}
    if not _is_json_object(parameters):
        raise _invalid_event(
            "queryStringParameters is not an object", "Send the request unchanged."
        )
    body = event.get("body")
    payload = None if body in (None, "") else _decode_body(event, body)
    is_json = "json" in _content_type(event)
    return DirectInvocation(
        event=compact_json(event),
        payload=payload,
        file_name="api_event.json" if is_json else "api_event_file",
        parameters={name: str(value) for name, value in parameters.items()},
        is_api_request=True,
    )


def _content_type(event: JsonObject) -> str:
    headers = event.get("headers")
    if not _is_json_object(headers):
        return ""
    return next((str(v).lower() for k, v in headers.items() if k.lower() == "content-type"), "")


def _decode_body(event: JsonObject, body: object) -> bytes:
    if not isinstance(body, str):
        return compact_json(body).encode()
    if event.get("isBase64Encoded"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _invalid_event(
                "body is not base64, as isBase64Encoded says", "Encode it."
            ) from error
    # SCAR's `invoke` sends files as base64 text of this type, without isBase64Encoded.
    if "octet-stream" in _content_type(event):
        return _decode_base64(body) or _encode_utf8(body)
    return _encode_utf8(body)


def _from_direct_invocation(event: JsonObject) -> DirectInvocation:
    script, cmd_args = event.get("script"), event.get("cmd_args")
    arguments = None if cmd_args in (None, "", []) else _parse_arguments(cmd_args)
    if script not in (None, ""):
        if not isinstance(script, str):
            raise _invalid_event(
                "script is not a string", "Send the script as text, plain or base64."
            )
        return DirectInvocation(
            event=compact_json(event), script=_decode_script(script), arguments=arguments
        )
    if arguments is not None:
        return DirectInvocation(event=compact_json(event), arguments=arguments)
    return _payload_invocation(event)


def _payload_invocation(event: object) -> DirectInvocation:
    text = compact_json(event)
    return DirectInvocation(event=text, payload=text.encode())


def _decode_script(text: str) -> bytes:
    """Decode a script: SCAR sends base64; any other text is the script itself."""
    decoded = _decode_base64(text)
    if decoded is None or text.startswith("#!"):
        return _encode_utf8(text)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return decoded if decoded.startswith(b"\x7fELF") else _encode_utf8(text)
    return decoded if _looks_like_script(decoded) else _encode_utf8(text)


def _looks_like_script(decoded: bytes) -> bool:
    """Return whether it is text: ``date`` is a plain command, but also valid base64."""
    return bool(decoded) and all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in decoded)


def _parse_arguments(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            parsed: object = json.loads(value)
        except (ValueError, RecursionError):
            return _split_shell_words(value)
        value = parsed if isinstance(parsed, list) else [value]
    if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
        raise _invalid_event(
            "cmd_args is not a list of strings", 'Send a list: {"cmd_args": ["ls", "-l"]}.'
        )
    words = tuple(str(v) for v in value)
    if any("\0" in word for word in words):
        raise _invalid_event("cmd_args contains a NUL character", "Remove it.")
    return words


def _split_shell_words(text: str) -> tuple[str, ...]:
    import shlex

    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise _invalid_event(
            f"cmd_args cannot be split into words: {error}", "Send a list."
        ) from error


def _decode_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _encode_utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _require_object(parent: JsonObject, name: str, where: str) -> JsonObject:
    value = parent.get(name)
    if not _is_json_object(value):
        raise _invalid_event(
            f"{where}.{name} is missing or not an object", "Send the event unchanged."
        )
    return value


def _require_text(parent: JsonObject, name: str, where: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid_event(
            f"{where}.{name} is missing or not a string", "Send the event unchanged."
        )
    return value


def _invalid_event(problem: str, remedy: str) -> EventError:
    return EventError(f"The event cannot be parsed: {problem}.", remedy=remedy)
