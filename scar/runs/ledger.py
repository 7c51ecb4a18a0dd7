"""The run records in the state bucket: list them, read and write single ones."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from scar.aws.client import errors
from scar.aws.client.object_listing import ListingFormatError
from scar.aws.client.parallel_listing import list_in_order
from scar.aws.model import names
from scar.errors import ScarError
from scar.runs.history.claim_leases import ClaimLeases
from scar.runs.states import (
    LAMBDA_LEASE,
    RunState,
    describe_state,
    is_not_begun,
    is_unsubmitted,
)
from supervisor.batch.array_manifest import ARRAYS_FOLDER
from supervisor.errors import RecordError
from supervisor.invocation import RunPath
from supervisor.runs import record_format
from supervisor.runs.cluster_record import CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from scar.aws.client.connection import AwsConnection

RUNS_PREFIX = "runs/"
# The records that two commands may change at once.
_COMPARED = (record_format.CLAIM, record_format.ERROR, record_format.DONE)
# 409: another conditional request of the same key is in progress; 404: If-Match on an absent key.
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as a listing shows it; ``record_times`` are S3's, in epoch seconds, by name.

    ``etags`` are those of claim, error and done: a change that is based on this listing fails if
    another process has changed them since. ``lease`` is that of the claim, in seconds, if it had
    to be read; else the longest one.
    """

    path: RunPath
    state: RunState
    record_times: Mapping[str, float]
    etags: Mapping[str, str] = field(default_factory=dict)
    lease: float = LAMBDA_LEASE

    @property
    def changed_at(self) -> float:
        """Return the time when its last record was written."""
        return max(self.record_times.values())

    @property
    def started_at(self) -> float:
        """Return the time of its oldest record that was not overwritten."""
        return min(self.record_times.values())

    @property
    def state_text(self) -> str:
        """Return the state in words."""
        return describe_state(self.state, self.record_times)

    @property
    def is_unsubmitted(self) -> bool:
        """Whether it waits because its submission to Batch did not succeed yet."""
        return self.state is RunState.WAITING and is_unsubmitted(self.record_times)


class _Page(NamedTuple):
    """A page of a listing; ``now`` is S3's time in epoch seconds."""

    now: float
    objects: Sequence[ObjectTypeDef]
    is_last: bool


@dataclass(slots=True)
class RunLedger:
    """The run records of one state bucket; methods raise ScarError.

    A bucket that does not exist has no runs: no function was deployed yet. ``now`` is S3's time
    at the last listing: ages of records never depend on this computer's clock.
    """

    s3: S3Client
    bucket: str
    now: float = field(default=0.0, init=False)
    _leases: ClaimLeases = field(default_factory=ClaimLeases, init=False)

    @classmethod
    def connect(cls, connection: AwsConnection) -> RunLedger:
        return cls(connection.client("s3"), names.state_bucket_name(connection.account))

    def list_functions(self) -> tuple[str, ...]:
        """Return the names of the functions that have records."""
        return tuple(
            part.removeprefix(RUNS_PREFIX).rstrip("/") for part in self._list_folders(RUNS_PREFIX)
        )

    def list_days(self, function: str, since: date | None = None) -> tuple[str, ...]:
        """Return the days (of the events) that have runs, as YYYY-MM-DD, oldest first."""
        days = (part.split("/")[2] for part in self._list_folders(f"{RUNS_PREFIX}{function}/"))
        first = since.isoformat() if since else ""
        # The jobs of clusters are no runs.
        others = (ARRAYS_FOLDER, CLUSTERS)
        return tuple(day for day in days if day >= first and day not in others)

    def list_runs(self, function: str, since: date | None = None) -> Iterator[Run]:
        """Yield the runs of a function by day and run id, from listings alone.

        Runs that repeat direct invocations come up to two days later: see ``_join_days``.
        """
        if since is None:
            pages = self._list_function(f"{RUNS_PREFIX}{function}/")
        else:
            pages = self._list_folders_of_days(function, self.list_days(function, since))
        yield from self._join_days(self._read_runs(pages))

    def list_runs_with_id(
        self, function: str, start: str, since: date | None = None
    ) -> Iterator[Run]:
        """Yield the runs whose id begins with ``start``; costs one listing for each day."""
        yield from self._join_days(
            run
            for day in self.list_days(function, since)
            for run in self._read_runs(self._list_pages(f"{RUNS_PREFIX}{function}/{day}/{start}"))
        )

    def read_time(self, run: RunPath) -> float:
        """Return S3's time: of the last listing, of one of this run if there was none."""
        if not self.now:
            next(self._read_items(self._list_pages(f"{RUNS_PREFIX}{run}/")), None)
        return self.now

    def read_record(self, run: RunPath, name: str) -> dict[str, object] | None:
        """Return one record, None if it does not exist.

        Raise UnreadableRecordError for an invalid one or the format of a newer release.
        """
        return self._read(run, name)

    def read_listed_record(self, run: Run, name: str) -> dict[str, object] | None:
        """Return one record as ``read_record``; raise RunChangedError if it was written since."""
        return self._read(run.path, name, run.etags.get(name, ""))

    def _read(self, run: RunPath, name: str, etag: str = "") -> dict[str, object] | None:
        key = run.key(name)
        with errors.translate_errors(f"read the run record {key}"):
            try:
                found = self.s3.get_object(Bucket=self.bucket, Key=key)
                body = found["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                return None
        if etag and found["ETag"] != etag:
            raise RunChangedError(run)
        try:
            return record_format.decode(body, key)
        except RecordError as error:
            raise UnreadableRecordError(error.problem, remedy=error.remedy) from error

    def read_event(self, run: RunPath) -> str:
        """Return an event that was too large for the claim; empty if none was recorded."""
        key = run.key(record_format.EVENT)
        with errors.translate_errors(f"read the event {key}"):
            try:
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                return ""
        return body.decode("utf-8", "surrogatepass")

    def write_if_absent(self, run: RunPath, name: str, record: Mapping[str, object]) -> bool:
        """Write a record if none of that name exists; return whether it was written."""
        key = run.key(name)
        try:
            self.s3.put_object(
                Bucket=self.bucket, Key=key, Body=record_format.encode(record), IfNoneMatch="*"
            )
        except self.s3.exceptions.ClientError as error:
            if errors.error_code(error) in _CONDITION_FAILED[:2]:
                return False
            raise errors.to_scar_error(error, f"write the run record {key}") from error
        return True

    def write_record(self, run: RunPath, name: str, record: Mapping[str, object]) -> None:
        """Write a record, over an existing one too."""
        key = run.key(name)
        with errors.translate_errors(f"write the run record {key}"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=record_format.encode(record))

    def replace_record(self, run: Run, name: str, record: Mapping[str, object]) -> None:
        """Write a record unless it is another one than listed; raise RunChangedError then."""
        key, etag = run.path.key(name), run.etags.get(name)
        body = record_format.encode(record)
        with self._changing(run.path, f"write the run record {key}"):
            if etag is None:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
            else:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, IfMatch=etag)

    def delete_record(self, run: RunPath, name: str) -> None:
        """Delete a record; one that does not exist is no error."""
        key = run.key(name)
        with errors.translate_errors(f"delete the run record {key}"):
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def delete_listed_record(self, run: Run, name: str) -> None:
        """Delete a record that is the one listed; raise RunChangedError for another or none."""
        key, etag = run.path.key(name), run.etags.get(name)
        if etag is not None:
            with self._changing(run.path, f"delete the run record {key}"):
                self.s3.delete_object(Bucket=self.bucket, Key=key, IfMatch=etag)

    @contextmanager
    def _changing(self, run: RunPath, action: str) -> Iterator[None]:
        """Raise RunChangedError if the condition of a write or a deletion did not hold."""
        with errors.translate_errors(action):
            try:
                yield
            except self.s3.exceptions.ClientError as error:
                if errors.error_code(error) in _CONDITION_FAILED:
                    raise RunChangedError(run) from error
                raise

    def _read_runs(self, pages: Iterable[_Page]) -> Iterator[Run]:
        folder, parts = "", [""]
        times: dict[str, float] = {}
        etags: dict[str, str] = {}
        for item in self._read_items(pages):
            place, _, name = item["Key"].rpartition("/")
            if place != folder:
                begun = place.removeprefix(RUNS_PREFIX).split("/")
                if len(begun) != 3:  # not of a run; the folder's records may continue after it
                    continue
                if times:
                    yield self._read_run(parts, times, etags)
                folder, parts, times, etags = place, begun, {}, {}
            if name.endswith(".json"):
                record = name[:-5]
                times[record] = item["LastModified"].timestamp()
                if record in _COMPARED:
                    etags[record] = item["ETag"]
        if times:
            yield self._read_run(parts, times, etags)

    def _read_run(
        self, parts: Sequence[str], times: Mapping[str, float], etags: Mapping[str, str]
    ) -> Run:
        function, day, run_id = parts
        return self._with_state(RunPath(function=function, date=day, run_id=run_id), times, etags)

    def _with_state(
        self, path: RunPath, record_times: Mapping[str, float], etags: Mapping[str, str]
    ) -> Run:
        etag = etags.get(record_format.CLAIM, "")
        state, lease = self._leases.derive_state(
            path, record_times, self.now, etag, lambda: self._read_claim(path, etag)
        )
        return Run(path=path, state=state, record_times=record_times, etags=etags, lease=lease)

    def _read_claim(self, run: RunPath, etag: str) -> dict[str, object] | None:
        """Return the claim of a listed run; None if it was renewed since, or is damaged."""
        try:
            return self._read(run, record_format.CLAIM, etag)
        except (RunChangedError, UnreadableRecordError):
            return None

    def _join_days(self, runs: Iterable[Run]) -> Iterator[Run]:
        """Yield each run once, although a repeated direct invocation may have two folders.

        `scar retry` records it under the day of the retry, the supervisor under the day on which
        Lambda delivers it: the next one, if midnight is between. Such runs are kept until the
        listing has reached a later day.
        """
        kept: dict[str, Run] = {}
        day = ""
        for run in runs:
            if run.path.date != day:
                day = run.path.date
                for old in [one for one in kept.values() if _next_day(one.path.date) < day]:
                    yield kept.pop(old.path.run_id)
            earlier = kept.get(run.path.run_id)
            if earlier is not None:
                kept[run.path.run_id] = self._join_folders(earlier, run)
            elif record_format.REPEATS in run.record_times:
                kept[run.path.run_id] = run
            else:
                yield run
        yield from kept.values()

    def _join_folders(self, earlier: Run, later: Run) -> Run:
        """Return one run with the records of both; its path is where its process writes."""
        times = dict(earlier.record_times)
        for name, time in later.record_times.items():
            times[name] = max(time, times.get(name, time))
        begun = later if is_not_begun(earlier.record_times) else earlier
        return self._with_state(begun.path, times, begun.etags)

    def _read_items(self, pages: Iterable[_Page]) -> Iterator[ObjectTypeDef]:
        for page in pages:
            self.now = page.now
            yield from page.objects

    def _list_function(self, prefix: str) -> Iterator[_Page]:
        """Yield the pages of a function: one request, or its days at once if there are more."""
        pages = self._list_pages(prefix)
        first = next(pages, None)
        if first is None:
            return
        yield first
        if first.is_last or not first.objects:
            yield from pages
            return
        after = first.objects[-1]["Key"]
        function, day = after.split("/")[1:3]
        days = [one for one in self.list_days(function) if one >= day]
        yield from self._list_folders_of_days(function, days, after)

    def _list_folders_of_days(
        self, function: str, days: Iterable[str], after: str = ""
    ) -> Iterator[_Page]:
        """Yield the pages of these days, without keys up to ``after``."""
        folders = [f"{RUNS_PREFIX}{function}/{day}/" for day in days]
        return list_in_order(
            folders,
            lambda folder: self._list_pages(folder, after if after.startswith(folder) else ""),
        )

    def _list_pages(self, prefix: str, after: str = "") -> Iterator[_Page]:
        position = {"StartAfter": after} if after else {}
        while True:
            with errors.translate_errors(f"list the runs in {self.bucket}"):
                try:
                    page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **position)  # type: ignore[arg-type]
                except self.s3.exceptions.NoSuchBucket:
                    return
            now = server_time(page["ResponseMetadata"]["HTTPHeaders"])
            token = page.get("NextContinuationToken", "")
            yield _Page(now, page.get("Contents", []), not token and not page.get("IsTruncated"))
            if not token and page.get("IsTruncated"):
                reason = "it is truncated and has no NextContinuationToken"
                raise ListingFormatError(self.bucket, reason)
            if not token:
                return
            position = {"ContinuationToken": token}

    def _list_folders(self, prefix: str) -> Iterable[str]:
        with errors.translate_errors(f"list the runs in {self.bucket}"):
            try:
                pages = self.s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self.bucket, Prefix=prefix, Delimiter="/"
                )
                return [part["Prefix"] for page in pages for part in page.get("CommonPrefixes", [])]
            except self.s3.exceptions.NoSuchBucket:
                return []


class UnreadableRecordError(ScarError):
    """A run record is invalid, or has the format of a newer release."""


class RunChangedError(ScarError):
    """The run's records are others than those on which a change was based."""

    def __init__(self, run: RunPath) -> None:
        super().__init__(
            f"Run {run} was changed meanwhile, by another command or by its job.",
            remedy=f"`scar why {run}` shows its state now.",
        )


def _next_day(day: str) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except ValueError:  # not a folder of scar
        return ""


def server_time(headers: Mapping[str, str]) -> float:
    """Return the time of the response's Date header; without one, this computer's."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()
