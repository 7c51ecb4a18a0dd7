"""One run in a world of its own: its records, its Lambda requests and Batch jobs, a clock.

Processes use the supervisor's ``RunRecord``, commands use ``scar.runs``; both write to the same
fake bucket. Any of them can be killed before one of its writes.
"""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scar.runs.cancel import cancel_run
from scar.runs.history.repetitions import read_repetition
from scar.runs.ledger import RunLedger
from scar.runs.logs import FunctionNotFoundError
from scar.runs.retry import retry_run
from scar.runs.states import MAX_EVENT_AGE
from scar.runs.unfinished_jobs import LISTING_DELAY, UnfinishedJob, with_batch_state
from supervisor.errors import PreconditionFailed, SubmissionThrottled, SupervisorError
from supervisor.events.parser import parse_event
from supervisor.invocation import RunOwner
from supervisor.model import ComputeService, IfMatch, IfNoneMatch, ObjectRef, StoredObject
from supervisor.runs import record_format
from supervisor.runs.run_record import RunRecord
from supervisor.runs.waiting import WaitingSubmission
from tests.fakes.object_store import Crash
from tests.fakes.s3_listing_client import ListedS3
from tests.fakes.supervisor_factory import notification

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.runs.ledger import Run
    from supervisor.model import WriteCondition

LAMBDA_TIMEOUT = 300.0  # seconds; a lease is a minute longer
DIRECT: dict[str, object] = {"number": 1}
LOG = {"log_group": "group", "log_stream": "stream"}


@dataclass
class KillableS3(ListedS3):
    """ListedS3 with versions; its client is killed before the ``kill_at``-th write or deletion."""

    kill_at: int | None = None
    versions: dict[str, int] = field(default_factory=dict)

    def put(self, key: str, age: float, body: bytes = b"{}") -> None:
        self.versions[key] = self.versions.get(key, 0) + 1
        super().put(key, age, body)

    def put_object(self, **params: Any) -> None:  # noqa: ANN401 as boto3 has it
        self.count_write()
        super().put_object(**params)

    def delete_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> None:  # noqa: N803
        self.count_write()
        super().delete_object(Bucket=Bucket, Key=Key, IfMatch=IfMatch)

    def etag_of(self, key: str) -> str:
        """Return the number of the version: two records with the same content are different."""
        return str(self.versions[key])

    def count_write(self) -> None:
        if self.kill_at is not None:
            self.kill_at -= 1
            if self.kill_at < 0:
                raise Crash


@dataclass
class SupervisorStore:
    """The fake bucket as a supervisor's ObjectStore; only what ``RunRecord`` calls."""

    s3: KillableS3

    def head(self, ref: ObjectRef) -> StoredObject | None:
        found = self.read(ref)
        return found[1] if found else None

    def read(self, ref: ObjectRef) -> tuple[bytes, StoredObject] | None:
        if ref.key not in self.s3.objects:
            return None
        body, modified = self.s3.objects[ref.key]
        etag = str(self.s3.versions[ref.key])
        return body, StoredObject(
            size=len(body), etag=etag, last_modified=modified, response_date=self.s3.now
        )

    def write(
        self,
        ref: ObjectRef,
        data: bytes,
        *,
        condition: WriteCondition | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        del metadata
        found = self.head(ref)
        match condition:
            case IfNoneMatch() if found is not None:
                raise PreconditionFailed(f"{ref} exists.")
            case IfMatch(etag) if found is None or found.etag != etag:
                raise PreconditionFailed(f"{ref} has changed.")
        self.s3.count_write()
        self.s3.put(ref.key, 0, data)
        stored = self.head(ref)
        assert stored is not None
        return stored


@dataclass
class RunWorld:
    """The run of one event. ``jobs`` are the unfinished Batch jobs, with the attempts they had.

    ``holder`` is the process that has claimed the run and works on it; None if none does.
    ``request`` is that of a direct invocation; after ``follow_repetition`` it is the one that
    `scar retry` has sent, which Lambda delivers until ``deliverable_until``.
    """

    is_direct: bool
    s3: KillableS3 = field(default_factory=KillableS3)
    jobs: dict[str, int] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    holder: RunOwner | None = None
    requests: int = 0
    request: str = "r-1"
    day: str = "2026-09-21"
    deliverable_until: float = math.inf
    submitted: int = 0
    sent_at: float = 0.0
    sent: list[dict[str, object]] = field(default_factory=list)
    has_begun: bool = False
    is_function_removed: bool = False
    slept: float = 0.0

    @property
    def event(self) -> dict[str, object]:
        return DIRECT if self.is_direct else notification("in/x", etag="e")

    def copy(self) -> RunWorld:
        return copy.deepcopy(self)

    # Processes

    def record(self, owner: RunOwner) -> RunRecord:
        (trigger,) = parse_event(json.dumps(self.event).encode())
        return RunRecord(
            store=SupervisorStore(self.s3),  # type: ignore[arg-type]
            bucket="state",
            run=record_format.run_path("fn", trigger, self.request, self.day, ("", "")),
            owner=owner,
            description=record_format.describe_trigger(trigger),
            lease=900.0 if owner.job else LAMBDA_TIMEOUT + 60,
            has_job_ended=lambda job: job not in self.jobs,
        )

    def deliver(self, *, again: bool = False) -> bool:
        """Let a Lambda request claim the run; ``again``: the last request, a second time."""
        if self.s3.now > self.deliverable_until:
            return False
        if not again or not self.requests:
            self.requests += 1
        if not self.has_begun:  # the supervisor's date of a direct invocation is today
            self.day = f"{datetime.fromtimestamp(self.s3.now, UTC):%Y-%m-%d}"
        owner = RunOwner(site=ComputeService.LAMBDA, request=self.last_request)
        if not self.record(owner).claim():
            return False
        self.holder, self.has_begun = owner, True
        return True

    @property
    def last_request(self) -> str:
        return self.request if self.is_direct else f"r-{self.requests}"

    def follow_repetition(self) -> None:
        """Continue with the run that the last `scar retry` of the direct invocation started."""
        assert self.is_direct
        self.request = f"sent-{len(self.sent)}"
        self.deliverable_until = self.sent_at + MAX_EVENT_AGE
        self.holder, self.has_begun = None, False
        self.jobs, self.running = {}, set()

    def start_job(self, name: str) -> bool:
        """Let the next attempt of a job claim the run."""
        self.jobs[name] += 1
        request = self.request if self.is_direct else f"r-{name.partition('-')[2]}"
        owner = RunOwner(
            site=ComputeService.BATCH, request=request, job=name, attempt=self.jobs[name]
        )
        self.running.add(name)
        record = self.record(owner)
        if not record.claim():
            self.end_job(name)
            return False
        self.holder = owner
        record.write_attempt(LOG)
        return True

    def submit(self) -> str:
        """Let the Lambda request submit a job; it may be killed before it records that."""
        assert self.holder is not None
        name = f"job-{self.requests}"
        self.jobs[name] = 0
        owner, self.holder = self.holder, None
        self.record(owner).write_submission(f"fn-{name}", name)
        return name

    def wait(self) -> None:
        """Let the Lambda request end because Batch throttled its submission."""
        assert self.holder is not None
        error = SubmissionThrottled("AWS Batch throttled SubmitJob.")
        owner, self.holder = self.holder, None
        self.record(owner).write_waiting(WaitingSubmission(), error, {})

    def fail(self) -> None:
        self._end(failed=True)

    def finish(self) -> None:
        self._end(failed=False)

    def die(self) -> None:
        """End the process without a record."""
        if self.holder is not None and self.holder.job:
            self.running.discard(self.holder.job)
        self.holder = None

    def end_job(self, name: str) -> None:
        self.jobs.pop(name, None)
        self.running.discard(name)
        if self.holder is not None and self.holder.job == name:
            self.holder = None

    def _end(self, *, failed: bool) -> None:
        assert self.holder is not None
        owner, self.holder = self.holder, None
        if owner.job:
            self.running.discard(owner.job)
        record = self.record(owner)
        if failed:
            record.write_failure(SupervisorError("It failed."), LOG)
        else:
            record.write_done("done")

    # Commands

    @property
    def ledger(self) -> RunLedger:
        ledger = RunLedger(self.s3, "state")  # type: ignore[arg-type]
        ledger.now = self.s3.now
        return ledger

    def read_run(self) -> Run | None:
        """Return the run as ``scar status`` shows it; None if it has no record."""
        ledger = self.ledger
        runs = [run for run in ledger.list_runs("fn") if run.path.run_id == self.path.run_id]
        if not runs:
            return None
        assert len(runs) == 1, runs  # counted once
        name = f"fn-{self.path.run_id}"
        unfinished: dict[str, UnfinishedJob] = {}
        for job in self.jobs:
            status = "RUNNING" if job in self.running else "RUNNABLE"
            unfinished[name] = UnfinishedJob(id=job, name=name, status=status, created=self.s3.now)
        return with_batch_state(runs[0], unfinished, ledger.now - LISTING_DELAY)

    @property
    def path(self) -> Any:  # noqa: ANN401
        return self.record(RunOwner(site=ComputeService.LAMBDA, request="r-1")).run

    def retry(self, run: Run) -> None:
        retry_run(self.ledger, run, self._enqueue, self._sleep)

    def repeated_as(self) -> str:
        run = self.read_run()
        return read_repetition(self.ledger, run) if run else ""

    def cancel(self, run: Run) -> str:
        return cancel_run(self.ledger, self, run)  # type: ignore[arg-type]

    def terminate_job(self, *, jobId: str, reason: str) -> None:  # noqa: N803
        """Terminate a job as Batch does: TERM for a running one, which records its failure."""
        assert reason
        if self.holder is not None and self.holder.job == jobId:
            self.fail()
        self.end_job(jobId)

    def _enqueue(self, function: str, event: dict[str, object]) -> str:
        if self.is_function_removed:
            raise FunctionNotFoundError(function)
        self.sent.append(event)
        self.sent_at = self.s3.now
        return f"sent-{len(self.sent)}"

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.s3.now += seconds
