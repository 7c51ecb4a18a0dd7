"""Parse an event into triggers; the only module that URL-decodes object keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from supervisor.events.direct_invocation import parse_direct_invocation, parse_payload
from supervisor.events.folder_markers import is_folder_marker
from supervisor.events.json_values import (
    ACCEPTED_KEY,
    OPTIONS_KEY,
    compact_json,
    invalid_event,
    is_json_object,
    require_object,
    require_text,
)
from supervisor.invocation import ObjectEvent
from supervisor.model import ObjectRef, VersionPin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supervisor.events.json_values import JsonObject
    from supervisor.invocation import Trigger

SUPPORTED_MAJOR_VERSION = "2"
# Prefix of the configurationId in events that `scar run` sends; ids of notification configurations
# that scar creates do not start with it.
MANUAL_RUN_PREFIX = "scar-run:"
# The configurationId in events that the failure handler builds (failed_event).
RECOVERED_RULE = "scar-recovered"
# Kinds of the stores whose events start runs: the sources' providers, until ``event_stores``
# replaces them by those of the function's inputs.
S3, MINIO = "s3", "minio"
# Old servers send "1" for objects without a version, which no server accepts.
_MINIO_VERSION = re.compile(r"null|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# AWS nests at most an SNS message in an SQS message.
MAX_NESTING = 3


def parse_event(raw: bytes) -> tuple[Trigger, ...]:
    """Return the triggers of an event, one per run; none if it is to be ignored.

    Supported: notifications of S3 and MinIO (also inside SQS, SNS and EventBridge envelopes),
    API Gateway and function URL requests, direct invocations. Raise EventError for a malformed one
    of these, and StoreNotSupported for notifications of other stores.
    """
    try:
        event: object = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise invalid_event(f"it is not JSON: {error}", "Send a JSON document.") from error
    if not is_json_object(event):
        return (parse_payload(event),)
    event = _open_delegated(event)
    if _is_notification(event):
        found = tuple(_from_notification(event, 0))
        return _with_job_options(found, event) if OPTIONS_KEY in event else found
    if _is_api_request(event):
        # Imported here: most events are none, and the time of a start counts.
        from supervisor.events.api_request import parse_api_request

        return (parse_api_request(event),)
    if ACCEPTED_KEY in event:
        from supervisor.events.api_request import parse_accepted_request

        return (parse_accepted_request(event),)
    return (parse_direct_invocation(event),)


def _is_api_request(event: JsonObject) -> bool:
    """Return whether the event is a request of API Gateway or a function URL."""
    context = event.get("requestContext")
    has_path = "httpMethod" in event or "rawPath" in event
    return has_path or (is_json_object(context) and ("http" in context or "httpMethod" in context))


def _with_job_options(
    triggers: tuple[ObjectEvent, ...], event: JsonObject
) -> tuple[ObjectEvent, ...]:
    """Return the triggers with the options of the event; their own events keep them too."""
    from dataclasses import replace

    from supervisor.events.job_options import read_job_options

    job, refusal = read_job_options(event)
    return tuple(
        replace(
            trigger,
            job=job,
            refusal=refusal,
            event=compact_json({**json.loads(trigger.event), OPTIONS_KEY: event[OPTIONS_KEY]}),
        )
        for trigger in triggers
    )


def _open_delegated(event: JsonObject) -> JsonObject:
    """Return the event of a store inside of ``{"event": …}``; all others unchanged."""
    if "event" not in event and "event_type" not in event:
        return event
    # Imported here: most events have neither, and the time of a start counts.
    from supervisor.events.other_stores import open_event

    return open_event(event)


def _is_notification(event: JsonObject) -> bool:
    if event.get("Event") == "s3:TestEvent" or event.get("source") == "aws.s3":
        return True
    records = event.get("Records")
    if not isinstance(records, list):
        return False
    sources = ("aws:", "OneTrigger", "rucio")
    return any(
        is_json_object(r) and ("s3" in r or _event_source(r).startswith(sources)) for r in records
    )


def _event_source(record: JsonObject) -> str:
    return str(record.get("eventSource") or record.get("EventSource") or "")


def _from_notification(event: JsonObject, depth: int) -> Iterator[ObjectEvent]:
    if depth > MAX_NESTING:
        raise invalid_event(
            "its envelopes are nested too deeply", "Send the notification unchanged."
        )
    event = _open_delegated(event)
    if event.get("Event") == "s3:TestEvent":
        return
    if event.get("source") == "aws.s3":
        yield from _from_eventbridge(event)
        return
    records = event.get("Records")
    if not isinstance(records, list):
        raise invalid_event("it has no list Records", "Send the notification unchanged.")
    for number, record in enumerate(records):
        where = f"Records[{number}]"
        if not is_json_object(record):
            raise invalid_event(f"{where} is not an object", "Send the notification unchanged.")
        yield from _unwrap_record(record, where, depth)


def _unwrap_record(record: JsonObject, where: str, depth: int) -> Iterator[ObjectEvent]:
    match _event_source(record):
        case "aws:sqs":
            yield from _from_notification(_parse_envelope(record, "body", where), depth + 1)
        case "aws:sns":
            message = require_object(record, "Sns", where)
            yield from _from_notification(
                _parse_envelope(message, "Message", f"{where}.Sns"), depth + 1
            )
        case "aws:s3" | "":
            yield from _from_s3_record(record, where)
        case "minio:s3":
            yield from _from_s3_record(record, where, MINIO)
        case other:
            from supervisor.events.other_stores import check_source

            check_source(other)
            raise invalid_event(f"{where} comes from {other!r}", "Connect the function to S3 only.")


def _parse_envelope(record: JsonObject, name: str, where: str) -> JsonObject:
    try:
        inner: object = json.loads(require_text(record, name, where))
    except (ValueError, RecursionError) as error:
        raise invalid_event(
            f"{where}.{name} is not JSON: {error}", "Send S3 notifications."
        ) from error
    if not is_json_object(inner):
        raise invalid_event(f"{where}.{name} is not a JSON object", "Send S3 notifications.")
    # In a queue, SNS wraps the message in its own envelope unless raw message delivery is enabled.
    if inner.get("Type") == "Notification" and "Message" in inner:
        return _parse_envelope(inner, "Message", f"{where}.{name}")
    return inner


def _from_s3_record(record: JsonObject, where: str, kind: str = S3) -> Iterator[ObjectEvent]:
    version = str(record.get("eventVersion", SUPPORTED_MAJOR_VERSION))
    if version.partition(".")[0] != SUPPORTED_MAJOR_VERSION:
        raise invalid_event(
            f"{where}.eventVersion is {version}, only {SUPPORTED_MAJOR_VERSION} is supported",
            "Update scar and run `scar init` again.",
        )
    # Other events, such as ObjectRemoved, start no run.
    name = str(record.get("eventName", "ObjectCreated:")).removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return
    s3 = require_object(record, "s3", where)
    bucket = require_text(require_object(s3, "bucket", f"{where}.s3"), "name", f"{where}.s3.bucket")
    item = require_object(s3, "object", f"{where}.s3")
    key = unquote_plus(require_text(item, "key", f"{where}.s3.object"))
    if is_folder_marker(key, _object_size(item)):
        return
    if kind == MINIO and _is_probe(key):
        return
    version_id = str(item.get("versionId") or "")
    if kind == MINIO and not _MINIO_VERSION.fullmatch(version_id):
        version_id = ""
    yield ObjectEvent(
        source=ObjectRef(kind, bucket, key),
        version=VersionPin(version_id=version_id, etag=str(item.get("eTag") or "").strip('"')),
        sequencer=str(item.get("sequencer") or ""),
        time=str(record.get("eventTime") or ""),
        event=compact_json({"Records": [record]}),
        manual_run_id=_manual_run_id(s3),
        size=_object_size(item),
        is_recovered=s3.get("configurationId") == RECOVERED_RULE,
    )


def _is_probe(key: str) -> bool:
    from supervisor.connections import PROBE_NAME

    return key.rpartition("/")[2].startswith(PROBE_NAME)


def _manual_run_id(s3: JsonObject) -> str:
    """Return the id that ``scar run`` gave the event, empty for events of S3."""
    rule = s3.get("configurationId")
    return rule if isinstance(rule, str) and rule.startswith(MANUAL_RUN_PREFIX) else ""


def _from_eventbridge(event: JsonObject) -> Iterator[ObjectEvent]:
    if event.get("detail-type") != "Object Created":
        return
    detail = require_object(event, "detail", "event")
    bucket = require_text(require_object(detail, "bucket", "detail"), "name", "detail.bucket")
    item = require_object(detail, "object", "detail")
    key = require_text(item, "key", "detail.object")  # EventBridge does not encode keys
    if is_folder_marker(key, _object_size(item)):
        return
    yield ObjectEvent(
        source=ObjectRef(S3, bucket, key),
        version=VersionPin(
            version_id=str(item.get("version-id") or ""), etag=str(item.get("etag") or "")
        ),
        sequencer=str(item.get("sequencer") or ""),
        time=str(event.get("time") or ""),
        event=compact_json(event),
        size=_object_size(item),
    )


def _object_size(item: JsonObject) -> int:
    """Return an object's size, 0 if it is missing or invalid.

    Used to fail early and to recognize folder markers.
    """
    size = item.get("size")
    return size if isinstance(size, int) and size > 0 else 0
