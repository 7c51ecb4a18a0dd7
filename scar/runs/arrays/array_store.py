"""The arrays in the state bucket: list them, read and write their objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.errors import ScarError, UsageError
from supervisor.batch import array_manifest
from supervisor.batch.array_manifest import (
    ARRAY_PREFIX,
    ARRAYS_FOLDER,
    DESCRIPTION,
    MANIFEST,
    ArrayPath,
    parse_submission_name,
    submission_name,
)
from supervisor.errors import EventError
from supervisor.events.parser import parse_event
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from mypy_boto3_s3 import S3Client

    from scar.runs.ledger import RunLedger
    from supervisor.batch.array_manifest import ArrayManifest
    from supervisor.invocation import RunPath

_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ArrayNotFoundError(ScarError):
    """There is no record of the array, or it has no child of this index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayJob:
    """A submitted array as a listing shows it; ``submitted`` is S3's time in epoch seconds.

    ``is_retry``: its children are runs that failed before.
    """

    path: ArrayPath
    job: str
    count: int
    submitted: float
    is_retry: bool = False

    @property
    def name(self) -> str:
        return self.path.array_id

    def child_job(self, index: int) -> str:
        """Return Batch's id of a child."""
        return f"{self.job}:{index}"


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

    def list_arrays(self, function: str, since: date | None = None) -> Iterator[ArrayJob]:
        """Yield the submitted arrays of a function, oldest day first; costs one listing."""
        prefix = f"runs/{function}/{ARRAYS_FOLDER}/"
        start = f"{prefix}{since.isoformat()}" if since else prefix
        with errors.translate_errors(f"list the arrays in {self.bucket}"):
            try:
                pages = self.s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self.bucket, Prefix=prefix, StartAfter=start
                )
                for page in pages:
                    for item in page.get("Contents", []):
                        day, _, rest = item["Key"].removeprefix(prefix).partition("/")
                        array_id, _, name = rest.partition("/")
                        if found := parse_submission_name(name):
                            job, count, is_retry = found
                            yield ArrayJob(
                                path=ArrayPath(function=function, date=day, array_id=array_id),
                                job=job,
                                count=count,
                                submitted=item["LastModified"].timestamp(),
                                is_retry=is_retry,
                            )
            except self.s3.exceptions.NoSuchBucket:
                return

    def read_description(self, array: ArrayJob) -> dict[str, object]:
        """Return what the array is of and who submitted it; empty if that is not recorded."""
        body = self._get(array.path.key(DESCRIPTION))
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
    """Return the ``s3://`` URL of the event's object; empty if it has none."""
    try:
        item = json.loads(event)["Records"][0]["s3"]
        from urllib.parse import unquote_plus

        return f"s3://{item['bucket']['name']}/{unquote_plus(item['object']['key'])}"
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def is_array_name(text: str) -> bool:
    """Return whether a text names an array or a child: ``array-…``, ``array-…:7``, a job's id."""
    name = text.partition(":")[0]
    return name.startswith(ARRAY_PREFIX) or bool(_JOB_ID.fullmatch(name))


def find_array(
    store: ArrayStore, text: str, functions: Iterable[str]
) -> tuple[ArrayJob, int | None]:
    """Return the array that a text names, and the index of the child if it names one.

    The text is an array's id, the start of one, or the id of its job, and may end with ``:index``.
    Raise ArrayNotFoundError, or UsageError if it is ambiguous.
    """
    name, colon, index = text.partition(":")
    found = [
        array
        for function in functions
        for array in store.list_arrays(function)
        if array.job == name or (array.name.startswith(name) and name != ARRAY_PREFIX)
    ]
    if len(found) > 1:
        raise UsageError(
            f"The array {name} is ambiguous: {', '.join(a.name for a in found[:5])}.",
            remedy="Write one of them in full.",
        )
    if not found:
        raise ArrayNotFoundError(
            f"There is no record of an array {name}.",
            remedy="`scar status` shows the arrays; records are kept for 90 days.",
        )
    if colon and not (index.isdecimal() and int(index) < found[0].count):
        raise ArrayNotFoundError(
            f"The array {name} has no child {index}.",
            remedy=f"Its children are 0 to {found[0].count - 1}.",
        )
    return found[0], int(index) if colon else None


def _damaged(array: ArrayJob, problem: str) -> ScarError:
    return ScarError(
        f"The manifest of {array.name} cannot be read: {problem}.",
        remedy="Submit the files again with `scar run --array`.",
    )
