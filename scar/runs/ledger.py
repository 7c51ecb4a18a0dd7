"""Read the run records of an account: by listing, and one by one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import TYPE_CHECKING

from scar.aws.client import errors as faults
from scar.aws.client.errors import translated
from scar.aws.model import names
from scar.errors import ScarError
from scar.runs.states import State, state_of
from supervisor.errors import RecordError
from supervisor.invocation import RunPath
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from mypy_boto3_s3 import S3Client

    from scar.aws.client.connection import Connection

ROOT = "runs/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as its listing shows it; times are the store's, in epoch seconds."""

    path: RunPath
    state: State
    written: Mapping[str, float]

    @property
    def changed(self) -> float:
        """When the last of its records was written."""
        return max(self.written.values())

    @property
    def began(self) -> float:
        """When the first record that is still there was written."""
        return min(self.written.values())


@dataclass(slots=True)
class Ledger:
    """The run records of one state bucket. Methods raise ScarError.

    An account where nothing ran yet has no bucket, and no runs.
    """

    s3: S3Client
    bucket: str
    now: float = field(default=0.0, init=False)

    @classmethod
    def of(cls, connection: Connection) -> Ledger:
        return cls(connection.client("s3"), names.state_bucket(connection.account))

    def functions(self) -> tuple[str, ...]:
        """Name the functions that have records."""
        return tuple(part.removeprefix(ROOT).rstrip("/") for part in self._folders(ROOT))

    def days(self, function: str, since: date | None = None) -> tuple[str, ...]:
        """Name the days (of the events) that have runs, as YYYY-MM-DD, oldest first."""
        found = (part.split("/")[2] for part in self._folders(f"{ROOT}{function}/"))
        return tuple(day for day in found if since is None or day >= since.isoformat())

    def runs(self, function: str, since: date | None = None) -> Iterator[Run]:
        """Yield the runs of a function in the order of their ids: no reading, constant memory."""
        if since is None:
            yield from self._runs(f"{ROOT}{function}/")
            return
        for day in self.days(function, since):
            yield from self._runs(f"{ROOT}{function}/{day}/")

    def with_id(self, function: str, start: str, since: date | None = None) -> Iterator[Run]:
        """Yield the runs whose id starts so; one listing for each day that is kept."""
        for day in self.days(function, since):
            yield from self._runs(f"{ROOT}{function}/{day}/{start}")

    def read(self, run: RunPath, name: str) -> dict[str, object] | None:
        """Return one record, None if it is not there; refuse what a newer release wrote."""
        key = run.key(name)
        with translated(f"read the run record {key}"):
            try:
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                return None
        try:
            return records.decode(body, key)
        except RecordError as error:
            raise UnreadableRecord(error.problem, remedy=error.remedy) from error

    def event(self, run: RunPath) -> str:
        """Return an event that was too large for the claim; empty if none was kept."""
        key = run.key(records.EVENT)
        with translated(f"read the event {key}"):
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
            if faults.code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise faults.of(error, f"write the run record {key}") from error
        return True

    def note_retry(self, run: RunPath) -> None:
        """Write that the run's event was sent again."""
        key = run.key(records.RETRY)
        with translated(f"write the run record {key}"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=records.encode({"run": str(run)}))

    def forget_retry(self, run: RunPath) -> None:
        """Take the note back; what prevents that must not hide why it is taken back."""
        with contextlib.suppress(*faults.SDK_ERRORS):
            self.s3.delete_object(Bucket=self.bucket, Key=run.key(records.RETRY))

    def _runs(self, prefix: str) -> Iterator[Run]:
        for folder, group in groupby(self._records(prefix), key=lambda record: record[0]):
            written = {name: time for _, name, time in group}
            function, day, run_id = folder
            yield Run(
                path=RunPath(function=function, date=day, run_id=run_id),
                state=state_of(written, self.now),
                written=written,
            )

    def _records(self, prefix: str) -> Iterator[tuple[tuple[str, str, str], str, float]]:
        for key, time in self._keys(prefix):
            parts = key.removeprefix(ROOT).split("/")
            if len(parts) == 4 and parts[3].endswith(".json"):
                yield (parts[0], parts[1], parts[2]), parts[3].removesuffix(".json"), time

    def _keys(self, prefix: str) -> Iterator[tuple[str, float]]:
        token = ""
        while True:
            asked = {"ContinuationToken": token} if token else {}
            with translated(f"list the runs in {self.bucket}"):
                try:
                    page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **asked)  # type: ignore[arg-type]
                except self.s3.exceptions.NoSuchBucket:
                    return
            self.now = _served(page["ResponseMetadata"]["HTTPHeaders"])
            for item in page.get("Contents", []):
                yield item["Key"], item["LastModified"].timestamp()
            token = page.get("NextContinuationToken", "")
            if not token:
                return

    def _folders(self, prefix: str) -> Iterable[str]:
        with translated(f"list the runs in {self.bucket}"):
            try:
                pages = self.s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self.bucket, Prefix=prefix, Delimiter="/"
                )
                return [part["Prefix"] for page in pages for part in page.get("CommonPrefixes", [])]
            except self.s3.exceptions.NoSuchBucket:
                return []


class UnreadableRecord(ScarError):
    """A run record is damaged, or of a newer release."""


def _served(headers: Mapping[str, str]) -> float:
    """Return the store's own time; without one this machine's has to do."""
    told = headers.get("date", "")
    try:
        return parsedate_to_datetime(told).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()
