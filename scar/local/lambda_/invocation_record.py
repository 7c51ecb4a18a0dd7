"""The invocation record that a destination receives for a finished or failed event.

Source: "Capturing records of Lambda asynchronous invocations", Lambda Developer Guide.
"""

from __future__ import annotations

import enum
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.local.lambda_.model import LATEST_VERSION
from scar.local.lambda_.reports import UNHANDLED

if TYPE_CHECKING:
    from scar.local.lambda_.event_queue import QueuedEvent


class InvocationCondition(enum.StrEnum):
    """Why the record is sent; Lambda's values."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"


def build_invocation_record(
    event: QueuedEvent, condition: InvocationCondition, now: float
) -> bytes:
    """Return the record as JSON; without any attempt it contains no response."""
    timestamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    document: dict[str, object] = {
        "version": "1.0",
        "timestamp": timestamp.replace("+00:00", "Z"),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{event.function_arn}:{LATEST_VERSION}",
            "condition": condition.value,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": _parse_payload(event.payload),
    }
    if event.last_response is not None:
        context: dict[str, object] = {"statusCode": 200, "executedVersion": LATEST_VERSION}
        if condition is not InvocationCondition.SUCCESS:
            context["functionError"] = UNHANDLED
        document["responseContext"] = context
        document["responsePayload"] = _parse_payload(event.last_response)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _parse_payload(payload: bytes) -> object:
    text = payload.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
