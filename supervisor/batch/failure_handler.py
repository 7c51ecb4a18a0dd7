"""The failure handler: submit the runs of failed invocations to Batch, or record the failure.

Lambda ends a sandbox (timeout, out of memory, crash) without running any code in it. It then sends
an invocation record to the function's on-failure destination: this handler. Each run of the failed
event is claimed in the name of the failed request, as a later delivery of the same request would
do: a run that another owner executes is not touched, and nothing is executed twice.

It also takes up the runs that wait for another submission, because Batch throttled the first or did
not answer. If the same happens to this handler, it ends with an error: Lambda invokes it again,
``FAILURE_HANDLER_RETRIES`` times. After the last attempt the run is recorded as failed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from supervisor import config
from supervisor.batch import fallback
from supervisor.batch.job_request import build_job_request
from supervisor.batch.submission_deadline import throttled_until
from supervisor.errors import (
    ClaimLost,
    ConfigError,
    EventError,
    SubmissionError,
    SubmissionPending,
    SubmissionThrottled,
    SubmissionUnanswered,
    SupervisorError,
)
from supervisor.events import failed_event, parser
from supervisor.invocation import (
    DirectInvocation,
    InvocationResult,
    ObjectEvent,
    RunOutcome,
    RunOwner,
    RunResult,
    valid_trace_id,
)
from supervisor.logs import Log
from supervisor.model import ComputeService, ExecutionMode, ObjectRef
from supervisor.runs import leases, record_format
from supervisor.runs.run_record import RunRecord
from supervisor.runs.waiting import WaitingSubmission, describe_cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supervisor.events.failed_event import FailedInvocation
    from supervisor.invocation import Invocation, RunPath, Trigger
    from supervisor.model import BatchTarget, BucketEncryption, FunctionConfig
    from supervisor.ports import JobSubmitter, ObjectStore

# The kinds of recorded failures after which another submission may succeed.
_RESUBMITTED = frozenset(
    kind.__name__ for kind in (SubmissionError, SubmissionThrottled, SubmissionUnanswered)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureHandler:
    """Handles invocation records; ``bucket`` is the state bucket, ``now`` in epoch seconds.

    ``open_store`` connects to S3; its argument is the encryption that writes request.
    """

    bucket: str
    open_store: Callable[[tuple[BucketEncryption, ...]], ObjectStore]
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
        recovery = _Recovery(
            handler=self,
            invocation=invocation,
            failed_invocation=failed,
            config=function,
            reason=reason,
        )
        return InvocationResult(
            results=tuple(recovery.recover_run(trigger) for trigger in _parse_triggers(failed))
        )

    def _read_function_config(self, function: str) -> FunctionConfig | None:
        """Read the function's mode and Batch target; None if the function was deleted."""
        ref = ObjectRef("s3", self.bucket, config.function_config_key(function))
        found = self.open_store(()).read(ref)
        return None if found is None else config.parse_config(found[0].decode(errors="replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recovery:
    """One failed invocation, its function and the reason; ``invocation`` is the handler's own."""

    handler: FailureHandler
    invocation: Invocation
    failed_invocation: FailedInvocation
    config: FunctionConfig | None
    reason: SupervisorError

    @property
    def owner(self) -> RunOwner:
        return RunOwner(site=ComputeService.LAMBDA, request=self.failed_invocation.request_id)

    def find_batch_target(self, waiting: WaitingSubmission | None) -> BatchTarget | None:
        """Return where to submit a run: after a sandbox failure, or if its submission waits.

        None if the function's mode does not permit it, and for an event that Lambda dropped.
        """
        failed = self.failed_invocation
        # An event of several runs has an error of its own: which of them wait is in their records.
        waits = failed.is_pending_submission or (waiting is not None and failed.was_attempted)
        if (
            self.config is None
            or self.config.mode is ExecutionMode.LAMBDA
            or not (failed.is_sandbox_failure or waits)
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
        except ClaimLost as lost:
            log.info(lost.problem)
            return RunResult(run=path, state=RunOutcome.DUPLICATE)
        except SupervisorError as error:
            log.error(error.problem, remedy=error.remedy)
            return RunResult(run=path, state=RunOutcome.FAILED, error=error)

    def _submit_or_record(self, record: RunRecord, trigger: Trigger, log: Log) -> RunResult:
        waiting = record.read_waiting()
        if (target := self.find_batch_target(waiting)) is not None and self.config is not None:
            try:
                submission = waiting or self._plan_submission(self.config)
            except SupervisorError as error:  # Batch has no more memory than Lambda
                return self._failed_result(record, error, log)
            try:
                job = build_job_request(
                    record.run,
                    self.failed_invocation.request_id,
                    trigger.event,
                    record.write_event,
                    submission.size,
                    # Of the failed invocation, if it came as far as its claim: the chain of
                    # invocations that Lambda counts must not begin anew with each lost sandbox.
                    trace=valid_trace_id(str(record.description.get("trace", "")))
                    or self.invocation.trace,
                )
                job_id = self.handler.open_submitter(target).submit(job, until=self._until)
            except SubmissionPending as error:
                # Raised as well: Lambda invokes this function again.
                self._record_pending(record, submission, error)
                raise
            except SubmissionError as error:
                # Recorded, and raised as well: Lambda invokes this function again, and then it may
                # succeed.
                self._record_failure(record, error)
                raise
            except SupervisorError as error:
                return self._failed_result(record, error, log)
            log.info(f"Batch job {job.name} submitted.", job=job_id)
            record.write_submission(job.name, job_id, submission.cause, self._log_location(record))
            return RunResult(run=record.run, state=RunOutcome.SUBMITTED, job_id=job_id)
        return self._failed_result(record, self.reason, log)

    def _plan_submission(self, config: FunctionConfig) -> WaitingSubmission:
        """Return the submission of a run whose sandbox ended; raise OutOfMemory."""
        if not self.failed_invocation.is_sandbox_failure:
            return WaitingSubmission()
        return WaitingSubmission(
            size=fallback.choose_job_size(self.reason, config), cause=describe_cause(self.reason)
        )

    def _record_pending(
        self, record: RunRecord, submission: WaitingSubmission, error: SubmissionPending
    ) -> None:
        """Record that the run waits for the handler's next attempt; after the last, its failure.

        Raise ClaimLost if a job that was not confirmed has started meanwhile.
        """
        record.check_claim()
        waiting = submission.after_handler_attempt(self.invocation.owner.request)
        if waiting.is_last_attempt:
            self._record_failure(record, error)
        else:
            record.write_waiting(waiting, error, self._log_location(record))

    @property
    def _until(self) -> float | None:
        return throttled_until(self.invocation.deadline, self.handler.now())

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
            # Records are encrypted as the function itself does.
            store=self.handler.open_store(self.config.encryption if self.config else ()),
            bucket=self.handler.bucket,
            run=path,
            owner=self.owner,
            description=record_format.describe_trigger(trigger) | self._describe_claim(path),
            lease=leases.lease_seconds(self.invocation.deadline, self.handler.now()),
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

        An older record is of an earlier attempt. A failed submission does not count either:
        another one may succeed.
        """
        claim, error = (
            self._read_record(path, record_format.CLAIM),
            self._read_record(path, record_format.ERROR),
        )
        if claim is None or error is None or error[0].get("kind") in _RESUBMITTED:
            return False
        owners = {record_format.parse_owner(record, str(path)) for record in (claim[0], error[0])}
        return owners == {self.owner} and error[1] >= claim[1]

    def _describe_claim(self, path: RunPath) -> dict[str, object]:
        """Return the log stream and the trace id of the failed request, from its claim."""
        found = self._read_record(path, record_format.CLAIM)
        location: dict[str, object] = {
            "log_group": f"/aws/lambda/{self.failed_invocation.function}",
            "log_stream": "",
        }
        if found is not None and record_format.parse_owner(found[0], str(path)) == self.owner:
            names = (*location, "trace")
            location |= {name: found[0][name] for name in names if name in found[0]}
        return location

    def _read_record(self, path: RunPath, name: str) -> tuple[dict[str, object], float] | None:
        """Return an object of the record and when it was written (epoch seconds)."""
        ref = ObjectRef("s3", self.handler.bucket, path.key(name))
        found = self.handler.open_store(()).read(ref)
        return (
            None
            if found is None
            else (record_format.decode(found[0], ref.key), found[1].last_modified)
        )

    def _has_job_ended(self, job: str) -> bool:
        if self.config is None or self.config.batch is None:
            return True
        try:
            submitter = self.handler.open_submitter(self.config.batch)
            return submitter.has_ended(job, until=self._until)
        except SubmissionPending:
            raise  # Lambda invokes this function again
        except SupervisorError as error:
            self.handler.log.info(f"{error.problem} It is assumed to be running.")
            return False


def _parse_triggers(event: FailedInvocation) -> tuple[Trigger, ...]:
    """Return the runs of a failed event; an event that cannot be parsed is one direct run."""
    try:
        return parser.parse_event(event.event)
    except EventError:
        return (DirectInvocation(event=event.event.decode()),)
