"""Read the run records of an account: by listing, and one by one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import TYPE_CHECKING

from scar.aws.client import errors as faults
from scar.aws.client.errors import translate_errors
from scar.aws.model import names
from scar.errors import ScarError
from scar.runs.states import RunState, derive_state
from supervisor.errors import RecordError
from supervisor.invocation import RunPath
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from mypy_boto3_s3 import S3Client

    from scar.aws.client.connection import AwsConnection

RUNS_PREFIX = "runs/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as its listing shows it; times are the store's, in epoch seconds."""

    path: RunPath
    state: RunState
    record_times: Mapping[str, float]

    @property
    def changed_at(self) -> float:
        """When the last of its records was written."""
        return max(self.record_times.values())

    @property
    def started_at(self) -> float:
        """When the first record that is still there was written."""
        return min(self.record_times.values())


@dataclass(slots=True)
class RunLedger:
    """The run records of one state bucket. Methods raise ScarError.

    An account where nothing ran yet has no bucket, and no runs.
    """

    s3: S3Client
    bucket: str
    now: float = field(default=0.0, init=False)

    @classmethod
    def connect(cls, connection: AwsConnection) -> RunLedger:
        return cls(connection.client("s3"), names.state_bucket_name(connection.account))

    def list_functions(self) -> tuple[str, ...]:
        """Name the functions that have records."""
        return tuple(
            part.removeprefix(RUNS_PREFIX).rstrip("/") for part in self._list_folders(RUNS_PREFIX)
        )

    def list_days(self, function: str, since: date | None = None) -> tuple[str, ...]:
        """Name the days (of the events) that have runs, as YYYY-MM-DD, oldest first."""
        found = (part.split("/")[2] for part in self._list_folders(f"{RUNS_PREFIX}{function}/"))
        return tuple(day for day in found if since is None or day >= since.isoformat())

    def list_runs(self, function: str, since: date | None = None) -> Iterator[Run]:
        """Yield the runs of a function in the order of their ids: no reading, constant memory."""
        if since is None:
            yield from self._list_runs(f"{RUNS_PREFIX}{function}/")
            return
        for day in self.list_days(function, since):
            yield from self._list_runs(f"{RUNS_PREFIX}{function}/{day}/")

    def list_runs_with_id(
        self, function: str, start: str, since: date | None = None
    ) -> Iterator[Run]:
        """Yield the runs whose id starts so; one listing for each day that is kept."""
        for day in self.list_days(function, since):
            yield from self._list_runs(f"{RUNS_PREFIX}{function}/{day}/{start}")

    def read_record(self, run: RunPath, name: str) -> dict[str, object] | None:
        """Return one record, None if it is not there; refuse what a newer release wrote."""
        key = run.key(name)
        with translate_errors(f"read the run record {key}"):
            try:
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                return None
        try:
            return records.decode(body, key)
        except RecordError as error:
            raise UnreadableRecordError(error.problem, remedy=error.remedy) from error

    def read_event(self, run: RunPath) -> str:
        """Return an event that was too large for the claim; empty if none was kept."""
        key = run.key(records.EVENT)
        with translate_errors(f"read the event {key}"):
            try:
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                return ""
        return body.decode("utf-8", "surrogatepass")

    def write_if_absent(self, run: RunPath, name: str, record: Mapping[str, object]) -> bool:
        """Write a record unless there is one; say whether it was written."""
        key = run.key(name)
        try:
            self.s3.put_object(
                Bucket=self.bucket, Key=key, Body=records.encode(record), IfNoneMatch="*"
            )
        except self.s3.exceptions.ClientError as error:
            if faults.error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise faults.to_scar_error(error, f"write the run record {key}") from error
        return True

    def write_retry_mark(self, run: RunPath) -> None:
        """Write that the run's event was sent again."""
        key = run.key(records.RETRY)
        with translate_errors(f"write the run record {key}"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=records.encode({"run": str(run)}))

    def delete_retry_mark(self, run: RunPath) -> None:
        """Take the note back; what prevents that must not hide why it is taken back."""
        with contextlib.suppress(*faults.SDK_ERRORS):
            self.s3.delete_object(Bucket=self.bucket, Key=run.key(records.RETRY))

    def _list_runs(self, prefix: str) -> Iterator[Run]:
        for folder, group in groupby(self._list_records(prefix), key=lambda record: record[0]):
            written = {name: time for _, name, time in group}
            function, day, run_id = folder
            yield Run(
                path=RunPath(function=function, date=day, run_id=run_id),
                state=derive_state(written, self.now),
                record_times=written,
            )

    def _list_records(self, prefix: str) -> Iterator[tuple[tuple[str, str, str], str, float]]:
        for key, time in self._list_keys(prefix):
            parts = key.removeprefix(RUNS_PREFIX).split("/")
            if len(parts) == 4 and parts[3].endswith(".json"):
                yield (parts[0], parts[1], parts[2]), parts[3].removesuffix(".json"), time

    def _list_keys(self, prefix: str) -> Iterator[tuple[str, float]]:
        token = ""
        while True:
            asked = {"ContinuationToken": token} if token else {}
            with translate_errors(f"list the runs in {self.bucket}"):
                try:
                    page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **asked)  # type: ignore[arg-type]
                except self.s3.exceptions.NoSuchBucket:
                    return
            self.now = _server_time(page["ResponseMetadata"]["HTTPHeaders"])
            for item in page.get("Contents", []):
                yield item["Key"], item["LastModified"].timestamp()
            token = page.get("NextContinuationToken", "")
            if not token:
                return

    def _list_folders(self, prefix: str) -> Iterable[str]:
        with translate_errors(f"list the runs in {self.bucket}"):
            try:
                pages = self.s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self.bucket, Prefix=prefix, Delimiter="/"
                )
                return [part["Prefix"] for page in pages for part in page.get("CommonPrefixes", [])]
            except self.s3.exceptions.NoSuchBucket:
                return []


class UnreadableRecordError(ScarError):
    """A run record is damaged, or of a newer release."""


def _server_time(headers: Mapping[str, str]) -> float:
    """Return the store's own time; without one this machine's has to do."""
    told = headers.get("date", "")
    try:
        return parsedate_to_datetime(told).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()
