"""The failure handler: submit the runs of failed invocations to Batch, or record the failure.

Lambda ends a sandbox (timeout, out of memory, crash) without running any code in it. It then sends
an invocation record to the function's on-failure destination: this handler. Each run of the failed
event is claimed in the name of the failed request, as a later delivery of the same request would
do: a run that another owner executes is not touched, and nothing is executed twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from supervisor import config
from supervisor.batch import fallback
from supervisor.batch.job_request import build_job_request
from supervisor.errors import ConfigError, EventError, SubmissionError, SupervisorError
from supervisor.events import failed_event, parser
from supervisor.invocation import (
    DirectInvocation,
    InvocationResult,
    ObjectEvent,
    RunOutcome,
    RunOwner,
    RunResult,
)
from supervisor.logs import Log
from supervisor.model import ComputeService, ExecutionMode, ObjectRef
from supervisor.runs import leases, record_format
from supervisor.runs.run_record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supervisor.events.failed_event import FailedInvocation
    from supervisor.invocation import Invocation, RunPath, Trigger
    from supervisor.model import BatchTarget, FunctionConfig
    from supervisor.ports import JobSubmitter, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureHandler:
    """Handles invocation records; ``bucket`` is the state bucket, ``now`` in epoch seconds."""

    bucket: str
    open_store: Callable[[str], ObjectStore]
    open_submitter: Callable[[BatchTarget], JobSubmitter]
    log: Log = field(default_factory=Log)
    now: Callable[[], float] = time.time

    def handle(self, invocation: Invocation) -> InvocationResult:
        """Handle one invocation record; a result has an error only if a retry may succeed.

        Raise EventError for any other event, StorageError if the state bucket fails.
        """
        failed = failed_event.parse_invocation_record(invocation.event)
        self.log.info(
            f"Request {failed.request_id} of function {failed.function} failed: {failed.condition}."
        )
        # Without a usable configuration (deleted function, newer release) runs are only recorded.
        function: FunctionConfig | None = None
        reason: SupervisorError
        try:
            function = self._read_function_config(failed.function)
            reason = failed.to_error(function.memory if function else 0)
        except ConfigError as error:
            reason = error
        lease = leases.lease_seconds(invocation.deadline, self.now())
        recovery = _Recovery(self, failed, function, reason, lease)
        return InvocationResult(
            results=tuple(recovery.recover_run(trigger) for trigger in _parse_triggers(failed))
        )

    def _read_function_config(self, function: str) -> FunctionConfig | None:
        """Read the function's mode and Batch target; None if the function was deleted."""
        ref = ObjectRef("s3", self.bucket, config.function_config_key(function))
        found = self.open_store("s3").read(ref)
        return None if found is None else config.parse_config(found[0].decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _Recovery:
    """One failed invocation, its function, the reason, and the lease of claims in seconds."""

    handler: FailureHandler
    failed_invocation: FailedInvocation
    config: FunctionConfig | None
    reason: SupervisorError
    lease: float

    @property
    def owner(self) -> RunOwner:
        return RunOwner(site=ComputeService.LAMBDA, request=self.failed_invocation.request_id)

    @property
    def batch_target(self) -> BatchTarget | None:
        """Where to submit the runs: only after a sandbox failure, and only if the mode permits."""
        if (
            self.config is None
            or self.config.mode is ExecutionMode.LAMBDA
            or not self.failed_invocation.is_sandbox_failure
        ):
            return None
        return self.config.batch

    def recover_run(self, trigger: Trigger) -> RunResult:
        path = self._find_run_path(trigger)
        log = self.handler.log.for_run(path.run_id)
        try:
            if self._has_recorded_failure(path):
                log.info("The function itself has recorded why this run failed.")
                return RunResult(run=path, state=RunOutcome.DUPLICATE)
            record = self._build_run_record(path, trigger)
            if not record.resume_claim():
                log.info("This run is done, submitted to Batch, or executed by another owner.")
                return RunResult(run=path, state=RunOutcome.DUPLICATE)
            # Also for a run that is submitted now: if its job fails, `scar retry` needs the event.
            if len(trigger.event) > record_format.MAX_INLINE_EVENT:
                record.write_event(trigger.event)
            return self._submit_or_record(record, trigger, log)
        except SupervisorError as error:
            log.error(error.problem, remedy=error.remedy)
            return RunResult(run=path, state=RunOutcome.FAILED, error=error)

    def _submit_or_record(self, record: RunRecord, trigger: Trigger, log: Log) -> RunResult:
        if (target := self.batch_target) is not None and self.config is not None:
            try:
                size = fallback.choose_job_size(self.reason, self.config)
                job = build_job_request(
                    record.run,
                    self.failed_invocation.request_id,
                    trigger.event,
                    record.write_event,
                    size,
                )
                job_id = self.handler.open_submitter(target).submit(job)
            except SubmissionError as error:
                # Recorded, and raised as well: Lambda invokes this function again, and then it may
                # succeed.
                self._record_failure(record, error)
                raise
            except SupervisorError as error:
                return self._failed_result(record, error, log)
            log.info(f"Batch job {job.name} submitted.", job=job_id)
            record.write_submission(job.name, job_id, self.reason, self._log_location(record))
            return RunResult(run=record.run, state=RunOutcome.SUBMITTED, job_id=job_id)
        return self._failed_result(record, self.reason, log)

    def _failed_result(self, record: RunRecord, error: SupervisorError, log: Log) -> RunResult:
        log.warning(error.problem, remedy=error.remedy)
        self._record_failure(record, error)
        return RunResult(run=record.run, state=RunOutcome.FAILED)

    def _record_failure(self, record: RunRecord, error: SupervisorError) -> None:
        """Write ``error`` to the record, over that of an earlier attempt of the request too."""
        log = self._log_location(record)
        record.write_failure(error, str(log["log_group"]), str(log["log_stream"]))

    @staticmethod
    def _log_location(record: RunRecord) -> dict[str, object]:
        return {name: record.description.get(name, "") for name in ("log_group", "log_stream")}

    def _build_run_record(self, path: RunPath, trigger: Trigger) -> RunRecord:
        return RunRecord(
            store=self.handler.open_store("s3"),
            bucket=self.handler.bucket,
            run=path,
            owner=self.owner,
            description=record_format.describe_trigger(trigger) | self._claimed_log_location(path),
            lease=self.lease,
            has_job_ended=self._has_job_ended,
        )

    def _find_run_path(self, trigger: Trigger) -> RunPath:
        """Return the run's folder; for a direct invocation it has the date of the first attempt."""
        paths = [
            record_format.run_path(
                self.failed_invocation.function,
                trigger,
                self.failed_invocation.request_id,
                day,
                ("", ""),
            )
            for day in self._candidate_dates()
        ]
        if isinstance(trigger, ObjectEvent) or self._read_record(paths[0], record_format.CLAIM):
            return paths[0]
        return next((p for p in paths[1:] if self._read_record(p, record_format.CLAIM)), paths[0])

    def _candidate_dates(self) -> Iterator[str]:
        """Yield the date of the failure and the one before: attempts may cross midnight."""
        try:
            day = date.fromisoformat(self.failed_invocation.time[:10])
        except ValueError:
            day = date.fromtimestamp(self.handler.now())  # noqa: DTZ012 - Lambda's zone is UTC
        yield day.isoformat()
        yield (day - timedelta(days=1)).isoformat()

    def _has_recorded_failure(self, path: RunPath) -> bool:
        """Return whether this request recorded its own failure after it claimed the run.

        An older record is of an earlier attempt. A SubmissionError does not count either: another
        submission may succeed.
        """
        claim, error = (
            self._read_record(path, record_format.CLAIM),
            self._read_record(path, record_format.ERROR),
        )
        if claim is None or error is None or error[0].get("kind") == SubmissionError.__name__:
            return False
        owners = {record_format.parse_owner(record, str(path)) for record in (claim[0], error[0])}
        return owners == {self.owner} and error[1] >= claim[1]

    def _claimed_log_location(self, path: RunPath) -> dict[str, object]:
        found = self._read_record(path, record_format.CLAIM)
        location: dict[str, object] = {
            "log_group": f"/aws/lambda/{self.failed_invocation.function}",
            "log_stream": "",
        }
        if found is not None and record_format.parse_owner(found[0], str(path)) == self.owner:
            location |= {name: found[0][name] for name in location if name in found[0]}
        return location

    def _read_record(self, path: RunPath, name: str) -> tuple[dict[str, object], float] | None:
        """Return an object of the record and when it was written (epoch seconds)."""
        ref = ObjectRef("s3", self.handler.bucket, path.key(name))
        found = self.handler.open_store("s3").read(ref)
        return (
            None
            if found is None
            else (record_format.decode(found[0], ref.key), found[1].last_modified)
        )

    def _has_job_ended(self, job: str) -> bool:
        if self.config is None or self.config.batch is None:
            return True
        try:
            return self.handler.open_submitter(self.config.batch).has_ended(job)
        except SupervisorError as error:
            self.handler.log.info(f"{error.problem} It is assumed to be running.")
            return False


def _parse_triggers(event: FailedInvocation) -> tuple[Trigger, ...]:
    """Return the runs of a failed event; an event that cannot be parsed is one direct run."""
    try:
        return parser.parse_event(event.event)
    except EventError:
        return (DirectInvocation(event=event.event.decode()),)
