"""A million files through the code that routes events and claims runs: ``python -m bench.scale``.

Each file is an object whose key is matched with the notification rules of its bucket (as the local
S3 does), whose event is parsed, and whose run is claimed and recorded by the supervisor's code, by
conditional writes to a store with S3's semantics. One event in 100 is delivered twice, one run in
1,000 loses its owner after the claim and is taken over after the lease, and one in 1,000 has two
owners who claim at the same time. Nothing is executed: runs have their own benchmarks.

The store is a database in memory that is not this process's, so that the peak memory is that of the
code: it must not grow with the number of files. Exits with status 1 if it does, if a file has not
exactly one run, or if a write was lost.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from scar.aws.model.limits import LAMBDA_ASYNC_PAYLOAD
from scar.local.s3.protocol.notifications import parse_configuration
from supervisor.errors import PreconditionFailed
from supervisor.events.parser import parse_event
from supervisor.invocation import ObjectEvent, RunOwner
from supervisor.model import ComputeService, IfMatch, IfNoneMatch, StoredObject
from supervisor.runs import leases, record_format
from supervisor.runs.run_record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.local.s3.protocol.notifications import NotificationConfiguration
    from supervisor.model import ObjectRef, WriteCondition

FILES, FUNCTIONS = 1_000_000, 100  # 100 rules are the most that a bucket can have
TWICE, LOST, RACED = 100, 1000, 1000  # one file in so many
BUCKET, STATE, DAY = "archive", "scar-123456789012-us-east-1", "2026-09-21"
BEGIN, SECONDS = 1_790_000_000.0, 300.0
MOST_GROWTH_MB = 16  # of the peak memory, after the first tenth of the files
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a disk in memory, where there is one


@dataclass(slots=True)
class ConditionalStore:
    """The part of ``ObjectStore`` that run records need; ``clock`` is the store's own time."""

    database: sqlite3.Connection
    clock: float = BEGIN
    requests: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    _version: int = 0

    def __post_init__(self) -> None:
        self.database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE object (key TEXT PRIMARY KEY, body BLOB, etag TEXT, at REAL)"
            " WITHOUT ROWID;"
        )

    def head(self, ref: ObjectRef) -> StoredObject | None:
        self.requests["head"] += 1
        found = self._find(ref)
        return found and found[1]

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        self.requests["read"] += 1
        return self._find(ref)

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store an object; raise PreconditionFailed as S3 does."""
        del metadata
        self.requests["write"] += 1
        self._version += 1
        etag, key = f"{self._version:032x}", f"{ref.bucket}/{ref.key}"
        values: tuple[object, ...] = (key, data, etag, self.clock)
        query = "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?)"
        match condition:
            case IfNoneMatch():
                query = "INSERT OR IGNORE INTO object VALUES (?, ?, ?, ?)"
            case IfMatch(held):
                query = (
                    "UPDATE object SET body = ?2, etag = ?3, at = ?4 WHERE key = ?1 AND etag = ?5"
                )
                values = (*values, held)
            case None:
                pass
        done = self.database.execute(query, values)
        if done.rowcount != 1:
            raise PreconditionFailed(f"{ref} does not fulfil the condition.")
        self.sent += len(data)
        return StoredObject(size=len(data), etag=etag, last_modified=self.clock)

    def count(self, name: str) -> int:
        """Return the number of records with this name."""
        query = "SELECT count(*) FROM object WHERE key LIKE ?"
        return int(self.database.execute(query, (f"%/{name}.json",)).fetchone()[0])

    def _find(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        query = "SELECT body, etag, at FROM object WHERE key = ?"
        found = self.database.execute(query, (f"{ref.bucket}/{ref.key}",)).fetchone()
        if found is None:
            return None
        body, etag, at = found
        return body, StoredObject(
            size=len(body), etag=etag, last_modified=at, response_date=self.clock
        )


@dataclass(slots=True)
class ScaleRun:
    """Counts what becomes of the events of the files."""

    store: ConditionalStore
    rules: NotificationConfiguration
    outcomes: Counter[str] = field(default_factory=Counter)
    event_bytes: int = 0

    def handle_file(self, number: int) -> None:
        """Deliver the events of one new object."""
        key = object_key(number)
        for rule in self.rules.rules:
            if not rule.matches("ObjectCreated:Put", key):
                continue
            function = rule.destination_arn.rpartition(":")[2]
            event = notification(key, number, rule.id)
            self.event_bytes += len(event)
            if not LAMBDA_ASYNC_PAYLOAD.allows(len(event)):
                raise ValueError(f"the event of {key} has {len(event)} bytes")
            for delivery in range(2 if number % TWICE == 0 else 1):
                self._deliver(function, event, f"{number}-{delivery}", number)

    def _deliver(self, function: str, event: bytes, request: str, number: int) -> None:
        for trigger in parse_event(event):
            if not isinstance(trigger, ObjectEvent) or trigger.source.key != object_key(number):
                raise ValueError(f"the event of file {number} has another key: {trigger}")
            record = self._record(function, trigger, request)
            if not record.claim():
                self.outcomes["duplicate"] += 1
            elif number % LOST == 1:
                self._lose(function, trigger, request)
            else:
                if number % RACED == 2 and self._record(function, trigger, "other").claim():
                    self.outcomes["claimed twice"] += 1
                record.write_done("done")
                self.outcomes["done"] += 1

    def _lose(self, function: str, trigger: ObjectEvent, request: str) -> None:
        """Deliver the event again before and after the lease of an owner that has died."""
        other = self._record(function, trigger, f"{request}-again")
        if other.claim():
            self.outcomes["claimed twice"] += 1
        self.store.clock += SECONDS + leases.GRACE_AFTER_DEADLINE + 1
        if other.claim():
            other.write_done("done")
            self.outcomes["taken over"] += 1

    def _record(self, function: str, trigger: ObjectEvent, request: str) -> RunRecord:
        now = self.store.clock
        return RunRecord(
            store=self.store,  # type: ignore[arg-type]  # the part that records need
            bucket=STATE,
            run=record_format.run_path(function, trigger, request, DAY, ("", "")),
            owner=RunOwner(site=ComputeService.LAMBDA, request=request),
            description=record_format.describe_trigger(trigger),
            lease=leases.lease_seconds(now + SECONDS, now),
        )


def object_key(number: int) -> str:
    """Return the key of a file; some need encoding, some are as long as keys can be."""
    name = f"{number % FUNCTIONS:03}/{number:07}"
    if number % 7 == 0:
        return f"{name} +é%2F.bin"
    return f"{name}{'x' * (1024 - len(name) - 4)}.bin" if number % 1009 == 0 else f"{name}.bin"


def notification(key: str, number: int, rule: str) -> bytes:
    """Return S3's event of a new object."""
    s3 = {
        "s3SchemaVersion": "1.0",
        "configurationId": rule,
        "bucket": {"name": BUCKET, "arn": f"arn:aws:s3:::{BUCKET}"},
        "object": {
            "key": quote_plus(key, safe="/"),
            "size": 10_000,
            "eTag": f"{number:032x}",
            "sequencer": f"{number:018X}",
        },
    }
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": f"{DAY}T14:13:20.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": s3,
    }
    return json.dumps({"Records": [record]}).encode()


def rules_of(functions: int) -> NotificationConfiguration:
    """Return the rules of a bucket with a function for each folder."""
    rules = "".join(
        f"<CloudFunctionConfiguration><Id>rule-{number}</Id><CloudFunction>"
        f"arn:aws:lambda:us-east-1:123456789012:function:f{number}</CloudFunction>"
        "<Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name>"
        f"<Value>{number:03}/</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration>"
        for number in range(functions)
    )
    document = f"<NotificationConfiguration>{rules}</NotificationConfiguration>"
    return parse_configuration(document.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleResult:
    """The figures of one measurement; ``growth_mb`` is that of the peak after a tenth."""

    files: int
    seconds: float
    cpu: float
    peak_mb: float
    growth_mb: float
    event_bytes: int
    record_bytes: int
    requests: Mapping[str, int]
    outcomes: Mapping[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Clock:
    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)


def measure(files: int) -> ScaleResult:
    """Route and claim that many files."""
    with _open_database() as database:
        run = ScaleRun(ConditionalStore(database), rules_of(FUNCTIONS))
        begin, first_peak = _Clock(), 0.0
        for number in range(files):
            run.handle_file(number)
            if number == files // 10:
                first_peak = _peak_mb()
        end, peak = _Clock(), _peak_mb()
        problems = tuple(find_problems(run, files, peak - first_peak))
    return ScaleResult(
        files=files,
        seconds=end.wall - begin.wall,
        cpu=end.cpu - begin.cpu,
        peak_mb=peak,
        growth_mb=peak - first_peak,
        event_bytes=run.event_bytes,
        record_bytes=run.store.sent,
        requests=dict(run.store.requests),
        outcomes=dict(run.outcomes),
        problems=problems,
    )


@contextmanager
def _open_database() -> Iterator[sqlite3.Connection]:
    """Open a database in a folder in memory, which is deleted afterwards."""
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="scar-bench-", dir=where) as folder,
        closing(sqlite3.connect(Path(folder, "store"), isolation_level=None)) as database,
    ):
        yield database


def find_problems(run: ScaleRun, files: int, growth_mb: float) -> Iterator[str]:
    """Yield what is wrong: counts by the store, and by what the code returned."""
    lost = len(range(1, files, LOST))
    wanted = {
        "done": files - lost,
        "taken over": lost,
        "duplicate": len(range(0, files, TWICE)),
        "claimed twice": 0,
    }
    for name, number in wanted.items():
        if run.outcomes[name] != number:
            yield f"{name}: {run.outcomes[name]:,} instead of {number:,}"
    for name in (record_format.CLAIM, record_format.DONE):
        if (stored := run.store.count(name)) != files:
            yield f"{stored:,} records {name} of {files:,} files"
    if growth_mb > MOST_GROWTH_MB:
        yield f"the peak memory grew by {growth_mb:.0f} MB (limit {MOST_GROWTH_MB})"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Print the figures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=int, nargs="?", default=FILES)
    result = measure(parser.parse_args().files)
    requests = ", ".join(f"{n / result.files:.3f} {name}" for name, n in result.requests.items())
    outcomes = ", ".join(f"{number:,} {name}" for name, number in result.outcomes.items())
    print(
        f"{result.files:,} files: {result.files / result.seconds:,.0f} files/s,"
        f" {1e6 * result.cpu / result.files:.0f} µs of CPU time a file\n"
        f"requests a file: {requests}; bytes a file: {result.event_bytes / result.files:.0f} of"
        f" events, {result.record_bytes / result.files:.0f} of records\n"
        f"{outcomes}\n"
        f"peak memory {result.peak_mb:.0f} MB, {result.growth_mb:.1f} MB more than after a tenth"
    )
    for problem in result.problems:
        print(problem, file=sys.stderr)
    return bool(result.problems)


if __name__ == "__main__":
    sys.exit(main())
