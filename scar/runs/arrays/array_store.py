"""The arrays in the state bucket: list them, read and write their objects."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.errors import ScarError
from scar.runs.ledger import server_time
from supervisor.batch import array_manifest
from supervisor.batch.array_manifest import (
    ARRAYS_FOLDER,
    DESCRIPTION,
    MANIFEST,
    NOT_SUBMITTED,
    ArrayPath,
    parse_submission_name,
    submission_name,
)
from supervisor.errors import EventError
from supervisor.events.parser import parse_event
from supervisor.invocation import ObjectEvent
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from mypy_boto3_s3 import S3Client

    from scar.runs.ledger import RunLedger
    from supervisor.batch.array_manifest import ArrayManifest
    from supervisor.invocation import RunPath

# The name of an empty object of an array that was cancelled; of one child with ``.index``.
_CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayJob:
    """A submitted array as a listing shows it; ``submitted`` is S3's time in epoch seconds.

    ``is_retry``: its children are runs that failed before. ``is_cancelled``: `scar cancel` has
    ended it, or else the children of these indexes.
    """

    path: ArrayPath
    job: str
    count: int
    submitted: float
    is_retry: bool = False
    is_cancelled: bool = False
    cancelled_children: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        return self.path.array_id

    def child_job(self, index: int) -> str:
        """Return Batch's id of a child."""
        return f"{self.job}:{index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayFolder:
    """The objects of one array: S3's times by name, and S3's time at the listing."""

    path: ArrayPath
    times: Mapping[str, float]
    now: float

    @property
    def array(self) -> ArrayJob | None:
        """Return the array if its job is recorded."""
        for name, time in self.times.items():
            if found := parse_submission_name(name):
                job, count, is_retry = found
                return ArrayJob(
                    path=self.path,
                    job=job,
                    count=count,
                    submitted=time,
                    is_retry=is_retry,
                    is_cancelled=_CANCELLED in self.times,
                    cancelled_children=frozenset(self._cancelled_children()),
                )
        return None

    @property
    def is_unrecorded(self) -> bool:
        """Whether a job may have been submitted that is not recorded: its submitter was killed."""
        is_complete = {MANIFEST, DESCRIPTION} <= self.times.keys()
        return is_complete and NOT_SUBMITTED not in self.times and self.array is None

    def _cancelled_children(self) -> Iterator[int]:
        for name in self.times:
            prefix, _, index = name.partition(".")
            if prefix == _CANCELLED and index.isdecimal():
                yield int(index)

    @property
    def created(self) -> float:
        """Return the time just before its submission."""
        return self.times.get(DESCRIPTION, 0.0)

    @property
    def age(self) -> float:
        return self.now - self.created


@dataclass(frozen=True, slots=True)
class ArrayStore:
    """The arrays of one state bucket; methods raise ScarError."""

    s3: S3Client
    bucket: str

    @classmethod
    def of(cls, ledger: RunLedger) -> ArrayStore:
        return cls(ledger.s3, ledger.bucket)

    def write_manifest(
        self, path: ArrayPath, manifest: ArrayManifest, description: dict[str, object]
    ) -> None:
        """Write the manifest, then what the array is of."""
        self._put(path.key(MANIFEST), manifest.body)
        facts = {**description, "count": manifest.count, "width": manifest.width}
        self._put(path.key(DESCRIPTION), record_format.encode(facts))

    def write_job(self, array: ArrayJob) -> None:
        """Record the job in the name of an object, so that a listing shows it."""
        name = submission_name(array.job, array.count, is_retry=array.is_retry)
        self._put(array.path.key(name), b"")

    def write_not_submitted(self, path: ArrayPath) -> None:
        """Record that there is no job and will be none, so that nothing searches for it."""
        self._put(path.key(NOT_SUBMITTED), b"")

    def write_cancelled(self, array: ArrayJob, index: int | None) -> None:
        """Record that `scar cancel` ends the array, or one child.

        A child that has not begun leaves no record of its own.
        """
        name = _CANCELLED if index is None else f"{_CANCELLED}.{index}"
        self._put(array.path.key(name), b"")

    def list_arrays(self, function: str, since: date | None = None) -> Iterator[ArrayJob]:
        """Yield the arrays of a function whose job is recorded, oldest day first: one listing."""
        for folder in self.list_folders(function, since):
            if array := folder.array:
                yield array

    def list_folders(self, function: str, since: date | None = None) -> Iterator[ArrayFolder]:
        """Yield the folders of a function's arrays, oldest day first; costs one listing."""
        prefix = f"runs/{function}/{ARRAYS_FOLDER}/"
        for (day, array_id), group in groupby(self._list(prefix, since), key=lambda one: one[:2]):
            listed = list(group)
            yield ArrayFolder(
                path=ArrayPath(function=function, date=day, array_id=array_id),
                times={name: time for *_, name, time, _ in listed},
                now=listed[-1][-1],
            )

    def _list(
        self, prefix: str, since: date | None
    ) -> Iterator[tuple[str, str, str, float, float]]:
        """Yield day, array, name and time of each object, and S3's time."""
        start = f"{prefix}{since.isoformat()}" if since else prefix
        with errors.translate_errors(f"list the arrays in {self.bucket}"):
            try:
                pages = self.s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self.bucket, Prefix=prefix, StartAfter=start
                )
                for page in pages:
                    now = server_time(page["ResponseMetadata"]["HTTPHeaders"])
                    for item in page.get("Contents", []):
                        day, _, rest = item["Key"].removeprefix(prefix).partition("/")
                        array_id, _, name = rest.partition("/")
                        yield day, array_id, name, item["LastModified"].timestamp(), now
            except self.s3.exceptions.NoSuchBucket:
                return

    def read_description(self, path: ArrayPath) -> dict[str, object]:
        """Return what the array is of and who submitted it; empty if that is not recorded."""
        body = self._get(path.key(DESCRIPTION))
        try:
            return record_format.decode(body, DESCRIPTION) if body else {}
        except ValueError:
            return {}

    def read_events(self, array: ArrayJob) -> list[bytes]:
        """Return the events of all children, in order."""
        body = self._get(array.path.key(MANIFEST))
        if body is None or not array.count or len(body) % array.count:
            raise _damaged(array, "it is missing or incomplete")
        try:
            return array_manifest.parse_manifest(body, len(body) // array.count)
        except EventError as error:
            raise _damaged(array, error.problem) from error

    def read_runs(self, array: ArrayJob) -> list[RunPath]:
        """Return the runs of all children, in order, whether or not they have begun."""
        return [event_run(array.path.function, event) for event in self.read_events(array)]

    def _put(self, key: str, body: bytes) -> None:
        with errors.translate_errors(f"write {key} in {self.bucket}"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def _get(self, key: str) -> bytes | None:
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if errors.error_code(error) in ("NoSuchKey", "NoSuchBucket"):
                return None
            raise errors.to_scar_error(error, f"read {key} in {self.bucket}") from error


def event_run(function: str, event: bytes) -> RunPath:
    """Return the run that this event of one object starts; raise ScarError for another event."""
    try:
        triggers = parse_event(event)
    except EventError as error:
        raise ScarError(error.problem, remedy=error.remedy) from error
    if len(triggers) != 1:
        raise ScarError(
            f"An event of the array has {len(triggers)} objects instead of one.",
            remedy="Submit the files again with `scar run --array`.",
        )
    return record_format.run_path(function, triggers[0], "", "", ("", ""))


def event_file(event: bytes) -> str:
    """Return the event's object as it is shown (``s3://…``); empty if it has none."""
    try:
        triggers = parse_event(event)
    except EventError:
        return ""
    source = triggers[0].source if triggers and isinstance(triggers[0], ObjectEvent) else None
    return "" if source is None else str(source)


def _damaged(array: ArrayJob, problem: str) -> ScarError:
    return ScarError(
        f"The manifest of {array.name} cannot be read: {problem}.",
        remedy="Submit the files again with `scar run --array`.",
    )
