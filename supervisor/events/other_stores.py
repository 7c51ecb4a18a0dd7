"""Events of stores other than S3: what they are, and why those that are not served are refused.

MinIO's events are S3's with another source; ``parser`` parses them. Those of OneData (OneTrigger),
dCache and Rucio name files that a function cannot read, so they are refused: taken for data, a
script would process the notification instead of the file. OSCAR and SCAR delegate an event to
another system as ``{"event": …}``, with the event as an object or as JSON text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.errors import StoreNotSupported
from supervisor.events.json_values import is_json_object

if TYPE_CHECKING:
    from supervisor.events.json_values import JsonObject

MINIO_SOURCE = "minio:s3"
# The values of ``eventSource`` in their records, and the names that the errors have.
_REFUSED_SOURCES = {"OneTrigger": "OneData (OneTrigger)", "rucio": "Rucio"}
# A delegated event may itself be delegated; more are not sent by any system.
_MAX_DELEGATIONS = 3


def open_event(event: JsonObject) -> JsonObject:
    """Return the event of a store that a system has delegated; all other events unchanged.

    Raise StoreNotSupported for events of dCache and Rucio.
    """
    found: JsonObject | None = event
    for _ in range(_MAX_DELEGATIONS + 1):
        if found is None:
            break
        if store := _refused_store(found):
            raise refused_event(store)
        if _has_records(found):
            return found
        found = _delegated(found)
    return event  # `event` is a word of the user's own data


def _delegated(event: JsonObject) -> JsonObject | None:
    """Return the member ``event``, an object or its JSON text; None if it is neither."""
    inner = event.get("event")
    if isinstance(inner, str) and inner.lstrip().startswith("{"):
        try:
            inner = json.loads(inner)
        except (ValueError, RecursionError):
            return None
    return inner if is_json_object(inner) else None


def _has_records(event: JsonObject) -> bool:
    """Return whether these are records of S3, of a store with its API, or of a refused store."""
    records = event.get("Records")
    return isinstance(records, list) and any(
        is_json_object(r) and ("s3" in r or r.get("eventSource") in _REFUSED_SOURCES)
        for r in records
    )


def _refused_store(event: JsonObject) -> str:
    """Return which store sent an event without records; empty for all other events."""
    inner, payload = event.get("event"), event.get("payload")
    if "subscription" in event and is_json_object(inner) and {"name", "mask"} <= inner.keys():
        return "dCache"
    is_rucio = is_json_object(payload) and {"scope", "name"} <= payload.keys()
    return "Rucio" if is_rucio and "event_type" in event else ""


def check_source(source: str) -> None:
    """Raise StoreNotSupported for records with the ``eventSource`` of a refused store."""
    if (store := _REFUSED_SOURCES.get(source)) is not None:
        raise refused_event(store)


def refused_event(store: str) -> StoreNotSupported:
    """Return the error for the event of a store whose events start no runs."""
    return StoreNotSupported(
        f"The event is a notification of {store}, whose events are not supported. It is not taken"
        " for data: nothing was run.",
        remedy="Remove the subscription to this function. Copy new files to an input folder in S3"
        " or MinIO, whose events start runs, or send a file's content with `scar invoke -db`.",
    )
