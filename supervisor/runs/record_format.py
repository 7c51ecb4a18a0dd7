"""Run records: their names, JSON formats, and who may take over a run. Pure.

Under ``runs/<function>/<date>/<run id>/`` of the state bucket: ``claim`` (who works on it),
``delegated`` (the Batch job), ``attempt-<n>`` (one per attempt in Batch), ``error`` (how it
failed), ``done`` (it is over: what was made of it). A run with ``done`` is over, whatever
else is there; with ``error`` it failed unless the claim is somebody else's.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from supervisor.errors import RecordError
from supervisor.invocation import ObjectEvent, RunOwner, RunPath
from supervisor.model import ComputeService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.invocation import Trigger

FORMAT_VERSION = 1
CLAIM, DELEGATED, ERROR, DONE, EVENT = "claim", "delegated", "error", "done", "event"
ATTEMPT_PREFIX = "attempt-"
RETRY = "retry"  # written by people's commands: the event was sent again
# Characters of an event that a claim has room for: it is read with every takeover.
MAX_INLINE_EVENT = 65_536
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")


def attempt_name(number: int) -> str:
    return f"{ATTEMPT_PREFIX}{number}"


def _hash_prefix(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def input_id(function: str, event: ObjectEvent) -> str:
    """Name function and object, whatever the object's version: the first half of a run id."""
    return _hash_prefix(function, event.source.bucket, event.source.key)


def run_id(function: str, trigger: Trigger, request: str) -> str:
    """Name a run: the same for every delivery of the same event."""
    if isinstance(trigger, ObjectEvent):
        state = trigger.version.version_id or trigger.version.etag
        wish = (trigger.manual_run_id,) if trigger.manual_run_id else ()
        return input_id(function, trigger) + _hash_prefix(state, trigger.sequencer, *wish)
    return (
        request
        if _SAFE_ID.fullmatch(request)
        else _hash_prefix(request) + _hash_prefix("request", request)
    )


def run_date(trigger: Trigger, today: str) -> str:
    """Return the event's own day, so that a late duplicate finds the first one's record."""
    if isinstance(trigger, ObjectEvent) and _DATE.match(trigger.time):
        return trigger.time[:10]
    return today


def run_path(
    function: str, trigger: Trigger, request: str, today: str, submitted: tuple[str, str]
) -> RunPath:
    """``given``: run id and date of a delegated run, or empty texts."""
    name, date = submitted
    return RunPath(
        function=function,
        date=date or run_date(trigger, today),
        run_id=name or run_id(function, trigger, request),
    )


def encode(record: Mapping[str, object]) -> bytes:
    """Write a record of this release's format."""
    return (json.dumps({"format": FORMAT_VERSION, **record}, sort_keys=True) + "\n").encode()


def decode(data: bytes, key: str) -> dict[str, object]:
    """Read a record; raise RecordError if it is damaged or of a newer format."""
    try:
        record = json.loads(data)
        version = int(record["format"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"The run record {key} is damaged: {error!r}.",
            remedy="Delete it; the run can then be started anew.",
        ) from error
    if version > FORMAT_VERSION:
        raise RecordError(
            f"The run record {key} has format {version}; this function knows up to"
            f" {FORMAT_VERSION}.",
            remedy="It was written by a newer release: run `scar init` again with that release.",
        )
    return dict(record)


def describe_trigger(trigger: Trigger) -> dict[str, object]:
    """Say in a claim what the run is about: the object, and the event to send it again by."""
    said: dict[str, object] = {}
    if isinstance(trigger, ObjectEvent):
        said["input"] = {
            "bucket": trigger.source.bucket,
            "key": trigger.source.key,
            "version": trigger.version.version_id,
            "etag": trigger.version.etag,
            "sequencer": trigger.sequencer,
        }
    if len(trigger.event) <= MAX_INLINE_EVENT:
        said["event"] = trigger.event
    return said


def owner_to_json(owner: RunOwner) -> dict[str, object]:
    return {**asdict(owner), "site": owner.site.value}


def parse_owner(record: dict[str, object], key: str) -> RunOwner:
    """Read who wrote a claim or an error; raise RecordError."""
    try:
        said = record["owner"]
        if not isinstance(said, dict):
            raise TypeError("owner")  # noqa: TRY301
        return RunOwner(
            site=ComputeService(said["site"]),
            request=str(said["request"]),
            job=str(said["job"]),
            attempt=int(said["attempt"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"The run record {key} names no owner: {error!r}.",
            remedy="Delete it; the run can then be started anew.",
        ) from error


def may_take_over(held: RunOwner, mine: RunOwner, failed: RunOwner | None) -> bool:
    """Whether the holder of a claim is provably gone; ``failed``: who wrote ``error``, if any.

    Gone are: who recorded its failure, the same request delivered again, an earlier attempt
    of the same job, and the request that delegated this job. Everybody else may be alive.
    """
    if held == failed:
        return True
    if mine.job:
        earlier = held.job == mine.job and held.attempt < mine.attempt
        return earlier or (not held.job and held.request == mine.request != "")
    return not held.job and held.request == mine.request


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedObject:
    """One line of the manifest in ``done``: size in bytes, CRC-32 as 8 hex digits.

    ``replaced`` is the run that had made this object of another input.
    """

    bucket: str
    key: str
    size: int
    crc32: str
    etag: str
    replaced: str = ""
