"""Events of stores other than S3: what they are, and why those that are not served are refused.

MinIO's events are S3's with another source; ``parser`` parses them. Those of OneData (OneTrigger),
dCache and Rucio name files that a function cannot read, so they are refused: taken for data, a
script would process the notification instead of the file. OSCAR and SCAR delegate an event to
another system as ``{"event": …}``, with the event as an object or as JSON text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from supervisor.errors import StoreNotSupported
from supervisor.events.json_values import is_json_object

if TYPE_CHECKING:
    from supervisor.events.json_values import JsonObject

MINIO_SOURCE, S3_SOURCE = "minio:s3", "aws:s3"
# The values of ``eventSource`` in their records, and the names that the errors have.
_REFUSED_SOURCES = {"OneTrigger": "OneData (OneTrigger)", "rucio": "Rucio"}
# The types of Rucio's messages that name files or data sets: all that it adds to its table of
# messages (`add_message` in rucio/rucio), and requests as `<type>-<state>`. Hermes sends them in
# lower case.
_RUCIO_EVENT = re.compile(
    r"create_(dts|cnt)|register_cnt|erase(_cnt)?|detach|open|close|incomplete|lost"
    r"|rule_(ok|progress)|datasetlock_ok|deletion-(planned|done|failed|not-found)"
    r"|(transfer|upload|download|stagein|stageout)-(queued|waiting|preparing|submitting|submitted"
    r"|submission_failed|done|failed|lost|no_sources|only_tape_sources|suspend|mismatch_scheme)"
)
# The columns of that table.
_RUCIO_MEMBERS = frozenset(
    {"id", "created_at", "updated_at", "event_type", "payload", "payload_nolimit", "services"}
)
# dCache's events are inotify's, with the names of inotify(7).
_DCACHE_MASK = re.compile(
    r"IN_(ACCESS|ATTRIB|CLOSE|CLOSE_WRITE|CLOSE_NOWRITE|CREATE|DELETE|DELETE_SELF|IGNORED|ISDIR"
    r"|MODIFY|MOVE|MOVE_SELF|MOVED_FROM|MOVED_TO|OPEN|Q_OVERFLOW|UNMOUNT)"
)
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
    """Return which store sent an event without records; empty for all other events.

    Its members are common words (`event`, `payload`) that bodies of webhooks have too, so their
    values must be that store's.
    """
    if _is_dcache(event):
        return "dCache"
    return "Rucio" if _is_rucio(event) else ""


def _is_dcache(event: JsonObject) -> bool:
    inner, subscription = event.get("event"), event.get("subscription")
    if not is_json_object(inner) or not isinstance(subscription, str):
        return False
    # Events about the watched file itself, such as IN_DELETE_SELF, have no name.
    mask = inner.get("mask")
    return (
        subscription.startswith(("https://", "http://"))
        and isinstance(mask, list)
        and bool(mask)
        and all(isinstance(bit, str) and _DCACHE_MASK.fullmatch(bit) for bit in mask)
    )


def _is_rucio(event: JsonObject) -> bool:
    kind, payload = event.get("event_type"), event.get("payload")
    return (
        isinstance(kind, str)
        and _RUCIO_EVENT.fullmatch(kind.lower()) is not None
        and event.keys() <= _RUCIO_MEMBERS
        and is_json_object(payload)
        and all(isinstance(payload.get(name), str) for name in ("scope", "name"))
    )


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
