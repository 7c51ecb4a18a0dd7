"""The manifest of an array job: one record of a fixed width for each child.

Child ``i`` of an array job finds its event with one ranged GET: bytes ``i * width`` to
``(i + 1) * width - 1``. A record is the JSON event of one object, padded with spaces, and ends with
a line feed, so that a manifest is also readable as a file of lines.

The manifest lies beside the function's run records, where its roles may read and the life-cycle
rule deletes it: ``runs/<function>/arrays/<date>/<array id>/manifest``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.batch.job_request import JOB_VARIABLE, encode_run_job, requested_fields
from supervisor.errors import EventError
from supervisor.invocation import RunJob
from supervisor.job_model import JobOptions, JobRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The sizes of an array job (botocore's batch model: SubmitJob arrayProperties; docs: Batch quotas).
MIN_CHILDREN, MAX_CHILDREN = 2, 10_000
# Bytes of a record. An event of one object has at most about 4 KB: its key has 1,024 bytes, each of
# which may be percent-encoded.
MAX_WIDTH = 65_536
# The objects of an array: its manifest, what it is of, and later one of ``submission_name``. Or an
# empty one that says that there is no job: Batch refused it. Without either, it is searched for.
MANIFEST, DESCRIPTION, NOT_SUBMITTED = "manifest", "array.json", "not-submitted"
URL_VARIABLE, WIDTH_VARIABLE = "SCAR_ARRAY_URL", "SCAR_ARRAY_WIDTH"
INDEX_VARIABLE = "AWS_BATCH_JOB_ARRAY_INDEX"
ARRAYS_FOLDER = "arrays"
ARRAY_PREFIX = "array-"  # of the ids of arrays
_SUBMIT_AGAIN = "Run `scar run --array` again: files whose run is done are skipped."


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayPath:
    """The folder of an array in the state bucket; ``date`` is YYYY-MM-DD, that of its creation."""

    function: str
    date: str
    array_id: str

    def key(self, name: str) -> str:
        """Return the key of one object of the array: ``manifest``, ``array.json``, …"""
        return f"runs/{self.function}/{ARRAYS_FOLDER}/{self.date}/{self.array_id}/{name}"

    @property
    def job_name(self) -> str:
        """Return the name of its job, by which a submission without a response is found."""
        return f"{self.function}-{self.array_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayManifest:
    """The content of a manifest: ``count`` records of ``width`` bytes each."""

    body: bytes
    width: int
    count: int


def submission_name(job: str, count: int, *, is_retry: bool = False) -> str:
    """Return the name of the empty object that is written when Batch has accepted the array.

    A listing of such names shows which arrays there are. ``is_retry``: the runs have failed before.
    """
    return f"job-{job}.{count}{'.retry' if is_retry else ''}"


def parse_submission_name(name: str) -> tuple[str, int, bool] | None:
    """Return job, count and ``is_retry`` of ``submission_name``; None for another object."""
    found = re.fullmatch(r"job-([A-Za-z0-9-]+)\.(\d+)(\.retry)?", name)
    return None if found is None else (found[1], int(found[2]), bool(found[3]))


def build_manifest(events: Iterable[str]) -> ArrayManifest:
    """Build the manifest of these events (JSON texts), in order; raise EventError.

    Refused are fewer than 2 or more than 10,000 events, and an event that is longer than 64 KB or
    has a line break (JSON without indentation has none).
    """
    records = [_encode_event(event) for event in events]
    if not MIN_CHILDREN <= len(records) <= MAX_CHILDREN:
        raise EventError(
            f"An array job has {MIN_CHILDREN} to {MAX_CHILDREN:,} children, not {len(records):,}.",
            remedy="Submit a single event as an ordinary job, more events as several arrays.",
        )
    width = max(map(len, records)) + 1
    body = b"".join(record.ljust(width - 1) + b"\n" for record in records)
    return ArrayManifest(body=body, width=width, count=len(records))


def parse_manifest(body: bytes, width: int) -> list[bytes]:
    """Return the events of a whole manifest, in order; raise EventError if it is damaged."""
    if width < 1 or len(body) % width:
        raise _damaged("manifest", f"its size {len(body)} is no multiple of {width}")
    return [
        parse_record(body[start : start + width], width) for start in range(0, len(body), width)
    ]


def parse_record(data: bytes, width: int) -> bytes:
    """Return the event of one record; raise EventError for anything but a whole record."""
    if len(data) != width:
        raise _damaged("record", f"it has {len(data)} bytes instead of {width}")
    event = data[:-1].rstrip(b" ")
    is_object = event.startswith(b"{") and event.endswith(b"}")
    if data[-1:] != b"\n" or b"\n" in event or not is_object:
        raise _damaged("record", "it is not one JSON object, padded and ended by a line feed")
    return event


def build_array_request(
    path: ArrayPath,
    bucket: str,
    manifest: ArrayManifest,
    job: JobOptions | RunJob | None = None,
) -> JobRequest:
    """Return the array job whose children read this manifest from the state bucket.

    ``job`` is what each child requests, as ``job_request.first_job`` returns it.
    """
    # A child with options that may have a successor: the second job is planned from its first one.
    place = {}
    if isinstance(job, RunJob) and job.options != JobOptions():
        place = {JOB_VARIABLE: encode_run_job(job)}
    return JobRequest(
        name=path.job_name,
        environment={
            # A supervisor that does not know arrays refuses this as its event, instead of running
            # the script without a file in each of the children.
            "SCAR_EVENT_URL": "an array job; the function was deployed by an older release: run"
            " `scar init`",
            URL_VARIABLE: f"s3://{bucket}/{path.key(MANIFEST)}",
            WIDTH_VARIABLE: str(manifest.width),
            **place,
        },
        array_size=manifest.count,
        **requested_fields(job),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLocation:
    """Where a child's record is: ``width`` bytes from ``first`` of an object."""

    bucket: str
    key: str
    first: int
    width: int


def parse_location(environ: Mapping[str, str]) -> RecordLocation:
    """Return where the record of this child is; raise EventError for invalid variables."""
    url, width, index = (
        environ.get(name, "") for name in (URL_VARIABLE, WIDTH_VARIABLE, INDEX_VARIABLE)
    )
    found = re.fullmatch(r"s3://([^/]+)/(.+)", url)
    is_child = re.fullmatch(r"[0-9]{1,5}", index) and int(index) < MAX_CHILDREN
    is_width = re.fullmatch(r"[0-9]{1,6}", width) and 1 < int(width) <= MAX_WIDTH
    if not (found and is_child and is_width):
        raise EventError(
            f"{URL_VARIABLE} is {url!r}, {WIDTH_VARIABLE} {width!r}, {INDEX_VARIABLE} {index!r}: no"
            " record of a manifest.",
            remedy="Submit array jobs with `scar run --array`.",
        )
    bucket, key = found.groups()
    return RecordLocation(bucket=bucket, key=key, first=int(index) * int(width), width=int(width))


def missing_manifest(location: RecordLocation) -> EventError:
    """Return the error for a manifest that does not exist."""
    return EventError(
        f"The manifest s3://{location.bucket}/{location.key} of the array job does not exist.",
        remedy=f"Records are kept for 90 days. {_SUBMIT_AGAIN}",
    )


def _encode_event(event: str) -> bytes:
    record = event.encode("utf-8", "surrogatepass")
    if b"\n" in record or len(record) >= MAX_WIDTH:
        raise EventError(
            f"An event of {len(record):,} bytes cannot be a record of a manifest: it has a line"
            f" break or more than {MAX_WIDTH - 1:,} bytes.",
            remedy="Invoke the function with it instead.",
        )
    return record


def _damaged(what: str, problem: str) -> EventError:
    return EventError(
        f"The {what} of the array job is damaged or incomplete: {problem}.", remedy=_SUBMIT_AGAIN
    )
