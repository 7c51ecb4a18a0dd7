"""Format of run records: keys, JSON documents, and who may take over a run.

Objects under ``runs/<function>/<date>/<run id>/`` in the state bucket: ``claim`` (the owner),
``delegated`` (the Batch job), ``delegated-<n>`` (the run's n-th job, submitted by the one before),
``attempt-<n>`` (one per attempt in Batch; ``attempt-<job>.<n>`` of a later job; that of a child of
an array job is ``attempt-<n>.<array's job id>.<index>``, so that a listing shows it), ``event`` (an
event that is too large for the claim), ``waiting`` (nothing submitted yet), ``error`` (why it
failed), ``done`` (state, outputs, and what was left out if anything was). A run with ``done`` has
ended, whatever else exists; a run with ``error`` has failed unless another owner has claimed it
since. ``accepted``: the endpoint has queued the request, and its event is in the record. The
command line adds ``retry``, ``repeated`` (the direct invocation continues as another run),
``repeats`` (that other run, until its request claims it) and ``cancelled``. The nodes of a
multi-node job add the records of ``node_records``, which say nothing about the run's state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from supervisor.errors import RecordError
from supervisor.invocation import ObjectEvent, RunOwner, RunPath, is_run_date, is_run_id
from supervisor.model import ComputeService, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.invocation import Trigger

FORMAT_VERSION = 1
CLAIM, DELEGATED, ERROR, DONE, EVENT = "claim", "delegated", "error", "done", "event"
WAITING = "waiting"
ATTEMPT_PREFIX = "attempt-"
# Written by the command line. `scar retry`: the event was sent again, and the run keeps its id or,
# without an object, continues as another run. `scar cancel`: ``done`` only stops a run that waits.
RETRY, REPEATED, CANCELLED = "retry", "repeated", "cancelled"
# The other run, which has no record of its own before its request claims it.
REPEATS = "repeats"
# Written by the endpoint that has answered an asynchronous request.
ACCEPTED = "accepted"
# The key in ``done`` of a run that is superseded by nothing: its input does not exist.
INPUT_ABSENT = "input_absent"
# Instead of the run whose output was replaced: nothing says which run wrote it, if any did.
UNKNOWN_RUN = "unknown"
# Characters of an event that is stored in the claim; every takeover reads the claim.
MAX_INLINE_EVENT = 65_536


def attempt_name(owner: RunOwner, job: int = 1) -> str:
    """Return the name of the record of an attempt of the run's first job, or of a later one.

    A child of an array job, whose id at Batch is ``<array's job id>:<index>``, is named in it.
    """
    parent, _, index = owner.job.partition(":")
    if index.isdecimal():
        return f"{ATTEMPT_PREFIX}{owner.attempt}.{parent}.{index}"
    return f"{ATTEMPT_PREFIX}{'' if job == 1 else f'{job}.'}{owner.attempt}"


def parse_attempt(name: str) -> tuple[str, str, int | None]:
    """Return the attempt's number, the array job's id and the index (None: not of an array).

    The number of a later job's attempt is ``<job>.<attempt>``.
    """
    number = name.removeprefix(ATTEMPT_PREFIX)
    attempt, _, rest = number.partition(".")
    parent, _, index = rest.rpartition(".")
    if parent and index.isdecimal():
        return attempt, parent, int(index)
    return number, "", None


def submission_name(job: int) -> str:
    """Return the name of the record that the run's first job was submitted, or a later one."""
    return DELEGATED if job == 1 else f"{DELEGATED}-{job}"


def submission_number(name: str) -> int:
    """Return which job of the run the record of a submission names; 0 for another record."""
    if name == DELEGATED:
        return 1
    number = name.removeprefix(f"{DELEGATED}-")
    return int(number) if name.startswith(DELEGATED) and number.isdecimal() else 0


def latest_submission(written: Mapping[str, float]) -> str:
    """Return the newest record of a submission, from the times of records; empty without one."""
    found = (
        (time, number, name)
        for name, time in written.items()
        if (number := submission_number(name))
    )
    return max(found, default=(0.0, 0, ""))[2]


def _hash_prefix(*parts: str) -> str:
    return _sha256("\0".join(parts))[:16]


def input_id(function: str, event: ObjectEvent) -> str:
    """Return the first half of a run id: function and object, without the object's version.

    Of an object of another store it has the store's kind too, which the event alone says.
    """
    kind = event.source.provider.partition(".")[0]
    # No bucket's name has a colon.
    bucket = event.source.bucket if kind == "s3" else f"{kind}://{event.source.bucket}"
    return _hash_prefix(function, bucket, event.source.key)


def run_id(function: str, trigger: Trigger, request: str) -> str:
    """Return the id of a run, the same for every delivery of the same event."""
    if isinstance(trigger, ObjectEvent):
        version = trigger.version.version_id or trigger.version.etag
        manual = (trigger.manual_run_id,) if trigger.manual_run_id else ()
        return input_id(function, trigger) + _hash_prefix(version, trigger.sequencer, *manual)
    if trigger.accepted is not None:
        # The caller of the endpoint has this id; the request is the function's own.
        return trigger.accepted[0]
    # A request id becomes part of a key and of a job name; other clients may send any text.
    return (
        request if is_run_id(request) else _hash_prefix(request) + _hash_prefix("request", request)
    )


def run_date(trigger: Trigger, today: str) -> str:
    """Return the date of the event, so that a late duplicate finds the record of the first."""
    if isinstance(trigger, ObjectEvent):
        return trigger.time[:10] if is_run_date(trigger.time[:10]) else today
    return trigger.accepted[1] if trigger.accepted is not None else today


def run_path(
    function: str, trigger: Trigger, request: str, today: str, submitted: tuple[str, str]
) -> RunPath:
    """Return the run's folder; ``submitted``: run id and date of a Batch job, or empty."""
    name, date = submitted
    return RunPath(
        function=function,
        date=date or run_date(trigger, today),
        run_id=name or run_id(function, trigger, request),
    )


def encode(record: Mapping[str, object]) -> bytes:
    """Return a record as JSON in this release's format."""
    return (json.dumps({"format": FORMAT_VERSION, **record}, sort_keys=True) + "\n").encode()


def decode(data: bytes, key: str) -> dict[str, object]:
    """Parse a record; raise RecordError if it is damaged or of a newer format."""
    try:
        record = json.loads(data)
        version = int(record["format"])
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise RecordError(
            f"The run record {key} is damaged: {error!r}.",
            remedy="Delete it; the run can then be started again.",
        ) from error
    if version > FORMAT_VERSION:
        raise RecordError(
            f"The run record {key} has format {version}; this function supports formats up to"
            f" {FORMAT_VERSION}.",
            remedy="It was written by a newer release: run `scar init` again with that release.",
        )
    return dict(record)


def event_digest(event: str) -> str:
    """Return the SHA-256 of an event, the same for every spelling of the same JSON document."""
    try:
        text = json.dumps(json.loads(event), sort_keys=True)
    except (ValueError, RecursionError):
        text = event
    return _sha256(text)


def _sha256(text: str) -> str:
    import hashlib  # not at the start: it loads OpenSSL, 3 ms

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def describe_trigger(trigger: Trigger) -> dict[str, object]:
    """Return what a claim says about the run: its object, and the event for `scar retry`.

    ``provider`` is that of the object's store, left out for the account's S3.
    Of a large event only the digest: the failure handler compares it with the failed event.
    """
    description: dict[str, object] = {}
    if isinstance(trigger, ObjectEvent):
        provider = trigger.source.provider
        description["input"] = {
            **({} if provider == "s3" else {"provider": provider}),
            "bucket": trigger.source.bucket,
            "key": trigger.source.key,
            "version": trigger.version.version_id,
            "etag": trigger.version.etag,
            "sequencer": trigger.sequencer,
        }
    if len(trigger.event) <= MAX_INLINE_EVENT:
        description["event"] = trigger.event
    else:
        description["event_sha256"] = event_digest(trigger.event)
    return description


def parse_input(claim: Mapping[str, object]) -> ObjectRef | None:
    """Return the object in a claim; None for a direct invocation."""
    source = claim.get("input")
    if not isinstance(source, dict):
        return None
    texts = (str(source.get(name, "")) for name in ("bucket", "key"))
    return ObjectRef(str(source.get("provider", "s3")), *texts)


def describe_trace(trace: str) -> dict[str, object]:
    """Return what a claim says about the trace: the failure handler gives it to the run's job."""
    return {"trace": trace} if trace else {}


def owner_to_json(owner: RunOwner) -> dict[str, object]:
    return {**_field_values(owner), "site": owner.site.value}


def _field_values(record: RunOwner | UploadedObject) -> dict[str, object]:
    # asdict() copies each value, which takes five times as long: a run may have 100,000 outputs.
    return {field.name: getattr(record, field.name) for field in fields(record)}


def parse_owner(record: dict[str, object], key: str) -> RunOwner:
    """Return the owner who wrote a record; raise RecordError."""
    try:
        owner = record["owner"]
        if not isinstance(owner, dict):
            raise TypeError("owner")  # noqa: TRY301
        return RunOwner(
            site=ComputeService(owner["site"]),
            request=str(owner["request"]),
            job=str(owner["job"]),
            attempt=int(owner["attempt"]),
        )
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise RecordError(
            f"The run record {key} has no valid owner: {error!r}.",
            remedy="Delete it; the run can then be started again.",
        ) from error


def may_take_over(held: RunOwner, mine: RunOwner, failed: RunOwner | None) -> bool:
    """Return whether the owner of a claim has certainly ended; ``failed`` wrote ``error``.

    That is: an owner that recorded its failure, the same request delivered again, an earlier
    attempt of the same job, and the request that submitted this job. Any other owner may still
    execute the run: only the end of its lease permits a takeover.
    """
    if held == failed:
        return True
    if mine.job:
        # Batch starts attempt n + 1 only after attempt n has ended.
        earlier = held.job == mine.job and held.attempt < mine.attempt
        return earlier or (not held.job and held.request == mine.request != "")
    # Lambda's retry of a request has the same id.
    return not held.job and held.request == mine.request


def is_own_job(held: RunOwner, mine: RunOwner) -> bool:
    """Return whether a claim is held by a job of this Lambda request.

    The submission has succeeded then, even if no response said so. What becomes of the job is a
    matter of Batch's attempts and of `scar retry`, whose request is another one.
    """
    return bool(held.job) and not mine.job and held.request == mine.request != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedObject:
    """One entry of the manifest in ``done``: size in bytes, CRC-32 as 8 hex digits.

    Size and CRC are those of the bytes in the object. The CRC is empty if an earlier attempt of
    the run, or a run of a newer upload, has written it, and the object was kept.

    ``replaced`` is the run whose output, from another input, had this key before, or
    ``UNKNOWN_RUN``. ``provider`` is the FDL's name of the store; empty: the account's S3.
    """

    bucket: str
    key: str
    size: int
    crc32: str
    etag: str
    replaced: str = ""
    provider: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the entry; without ``provider`` for S3, as earlier releases wrote it."""
        return {k: v for k, v in _field_values(self).items() if v or k != "provider"}
