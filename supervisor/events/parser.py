"""Turn a raw event into what it asks for. Pure; the only place where keys are decoded."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from supervisor.errors import EventError
from supervisor.invocation import Announced, Direct
from supervisor.model import ObjectRef, VersionPin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

    from supervisor.invocation import Trigger

Json = dict[str, object]
EVENT_MAJOR = "2"
# What the configurationId of events begins with that people send; no rule of ours does.
WISH = "scar-run:"
# An SNS message in an SQS message is the deepest nesting that AWS makes.
DEEPEST = 3


def read(raw: bytes) -> tuple[Trigger, ...]:
    """Say what an event asks for, one trigger per run; empty if it can be ignored.

    Understands S3 notifications (also inside SQS, SNS and EventBridge envelopes), API
    Gateway and function URL requests, and direct calls. Raise EventError for anything that
    claims to be one of these and is not.
    """
    try:
        event: object = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _bad(f"it is not JSON: {error}", "Send a JSON document.") from error
    if not _is_object(event):
        return (_payload(event),)
    if _is_notification(event):
        return tuple(_announced(event, 0))
    if _is_request(event):
        return (_request(event),)
    return (_direct(event),)


def dumps(value: object) -> str:
    """Write JSON the way scripts get to see it: compact, readable characters kept.

    A lone surrogate, which JSON can escape but UTF-8 cannot hold, stays escaped.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def _is_object(value: object) -> TypeGuard[Json]:
    return isinstance(value, dict)


def _is_notification(event: Json) -> bool:
    if event.get("Event") == "s3:TestEvent" or event.get("source") == "aws.s3":
        return True
    records = event.get("Records")
    if not isinstance(records, list):
        return False
    return any(_is_object(r) and ("s3" in r or _source(r).startswith("aws:")) for r in records)


def _source(record: Json) -> str:
    return str(record.get("eventSource") or record.get("EventSource") or "")


def _announced(event: Json, depth: int) -> Iterator[Announced]:
    if depth > DEEPEST:
        raise _bad("its envelopes are nested too deeply", "Send the notification unchanged.")
    if event.get("Event") == "s3:TestEvent":
        return
    if event.get("source") == "aws.s3":
        yield from _bridged(event)
        return
    records = event.get("Records")
    if not isinstance(records, list):
        raise _bad("it has no list Records", "Send the notification unchanged.")
    for number, record in enumerate(records):
        where = f"Records[{number}]"
        if not _is_object(record):
            raise _bad(f"{where} is not an object", "Send the notification unchanged.")
        yield from _unwrapped(record, where, depth)


def _unwrapped(record: Json, where: str, depth: int) -> Iterator[Announced]:
    match _source(record):
        case "aws:sqs":
            yield from _announced(_inner(record, "body", where), depth + 1)
        case "aws:sns":
            message = _part(record, "Sns", where)
            yield from _announced(_inner(message, "Message", f"{where}.Sns"), depth + 1)
        case "aws:s3" | "":
            yield from _record(record, where)
        case other:
            raise _bad(f"{where} comes from {other!r}", "Connect the function to S3 only.")


def _inner(record: Json, name: str, where: str) -> Json:
    try:
        inner: object = json.loads(_text(record, name, where))
    except (ValueError, RecursionError) as error:
        raise _bad(f"{where}.{name} is not JSON: {error}", "Send S3 notifications.") from error
    if not _is_object(inner):
        raise _bad(f"{where}.{name} is not a JSON object", "Send S3 notifications.")
    # SNS puts its own envelope around the message in a queue unless delivery is raw.
    if inner.get("Type") == "Notification" and "Message" in inner:
        return _inner(inner, "Message", f"{where}.{name}")
    return inner


def _record(record: Json, where: str) -> Iterator[Announced]:
    version = str(record.get("eventVersion", EVENT_MAJOR))
    if version.partition(".")[0] != EVENT_MAJOR:
        raise _bad(
            f"{where}.eventVersion is {version}, only version {EVENT_MAJOR} is known",
            "Update scar and run `scar init` again.",
        )
    name = str(record.get("eventName", "ObjectCreated:")).removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return
    s3 = _part(record, "s3", where)
    bucket = _text(_part(s3, "bucket", f"{where}.s3"), "name", f"{where}.s3.bucket")
    item = _part(s3, "object", f"{where}.s3")
    key = unquote_plus(_text(item, "key", f"{where}.s3.object"))
    if key.endswith("/"):  # consoles store an empty object for each folder
        return
    yield Announced(
        source=ObjectRef("s3", bucket, key),
        version=VersionPin(
            version_id=str(item.get("versionId") or ""), etag=str(item.get("eTag") or "").strip('"')
        ),
        sequencer=str(item.get("sequencer") or ""),
        time=str(record.get("eventTime") or ""),
        event=dumps({"Records": [record]}),
        wish=_wish(s3),
        size=_size(item),
    )


def _wish(s3: Json) -> str:
    """Return the name that ``scar run`` gave to its events, empty for those of S3."""
    rule = s3.get("configurationId")
    return rule if isinstance(rule, str) and rule.startswith(WISH) else ""


def _bridged(event: Json) -> Iterator[Announced]:
    if event.get("detail-type") != "Object Created":
        return
    detail = _part(event, "detail", "event")
    bucket = _text(_part(detail, "bucket", "detail"), "name", "detail.bucket")
    item = _part(detail, "object", "detail")
    key = _text(item, "key", "detail.object")  # EventBridge does not encode keys
    if key.endswith("/"):
        return
    yield Announced(
        source=ObjectRef("s3", bucket, key),
        version=VersionPin(
            version_id=str(item.get("version-id") or ""), etag=str(item.get("etag") or "")
        ),
        sequencer=str(item.get("sequencer") or ""),
        time=str(event.get("time") or ""),
        event=dumps(event),
        size=_size(item),
    )


def _size(item: Json) -> int:
    """Return an object's size; a wrong one only costs an attempt, so none is refused for it."""
    size = item.get("size")
    return size if isinstance(size, int) and size > 0 else 0


def _is_request(event: Json) -> bool:
    context = event.get("requestContext")
    has_path = "httpMethod" in event or "rawPath" in event
    return has_path or (_is_object(context) and ("http" in context or "httpMethod" in context))


def _request(event: Json) -> Direct:
    given = event.get("queryStringParameters") or {}
    if not _is_object(given):
        raise _bad("queryStringParameters is not an object", "Send the request unchanged.")
    body = event.get("body")
    payload = None if body in (None, "") else _body(event, body)
    is_json = "json" in _content_type(event)
    return Direct(
        event=dumps(event),
        payload=payload,
        file_name="api_event.json" if is_json else "api_event_file",
        parameters={name: str(value) for name, value in given.items()},
        api=True,
    )


def _content_type(event: Json) -> str:
    headers = event.get("headers")
    if not _is_object(headers):
        return ""
    return next((str(v).lower() for k, v in headers.items() if k.lower() == "content-type"), "")


def _body(event: Json, body: object) -> bytes:
    if not isinstance(body, str):
        return dumps(body).encode()
    if event.get("isBase64Encoded"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _bad("body is not base64, as isBase64Encoded says", "Encode it.") from error
    # SCAR's `invoke` sends files as base64 text of this type through an API that does not say so.
    if "octet-stream" in _content_type(event):
        return _decoded(body) or _utf8(body)
    return _utf8(body)


def _direct(event: Json) -> Direct:
    script, given = event.get("script"), event.get("cmd_args")
    arguments = None if given in (None, "", []) else _arguments(given)
    if script not in (None, ""):
        if not isinstance(script, str):
            raise _bad("script is not text", "Send the script as text, plain or base64.")
        return Direct(event=dumps(event), script=_script(script), arguments=arguments)
    if arguments is not None:
        return Direct(event=dumps(event), arguments=arguments)
    return _payload(event)


def _payload(event: object) -> Direct:
    text = dumps(event)
    return Direct(event=text, payload=text.encode())


def _script(text: str) -> bytes:
    """SCAR sends base64; what does not decode to text is taken as it is."""
    decoded = _decoded(text)
    if decoded is None or text.startswith("#!"):
        return _utf8(text)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return decoded if decoded.startswith(b"\x7fELF") else _utf8(text)
    return decoded if _looks_like_script(decoded) else _utf8(text)


def _looks_like_script(decoded: bytes) -> bool:
    """Tell a script from what a short plain command such as ``date`` happens to decode to."""
    return bool(decoded) and all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in decoded)


def _arguments(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            parsed: object = json.loads(value)
        except (ValueError, RecursionError):
            return _split(value)
        value = parsed if isinstance(parsed, list) else [value]
    if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
        raise _bad("cmd_args is not a list of texts", 'Send a list: {"cmd_args": ["ls", "-l"]}.')
    words = tuple(str(v) for v in value)
    if any("\0" in word for word in words):
        raise _bad("cmd_args holds a NUL character", "Remove it.")
    return words


def _split(text: str) -> tuple[str, ...]:
    import shlex

    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise _bad(f"cmd_args cannot be split into words: {error}", "Send a list.") from error


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _part(parent: Json, name: str, where: str) -> Json:
    value = parent.get(name)
    if not _is_object(value):
        raise _bad(f"{where}.{name} is missing or not an object", "Send the event unchanged.")
    return value


def _text(parent: Json, name: str, where: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise _bad(f"{where}.{name} is missing or not text", "Send the event unchanged.")
    return value


def _bad(problem: str, remedy: str) -> EventError:
    return EventError(f"The event cannot be understood: {problem}.", remedy=remedy)
