"""Recover the runs of one failed invocation: submit each to Batch, or record why it failed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.batch.job_options import plan_job
from supervisor.batch.job_request import build_job_request, describe_size, first_job
from supervisor.batch.run_evidence import RESUBMITTED, ConfirmedRun, RunEvidence
from supervisor.batch.submission_deadline import throttled_until
from supervisor.errors import (
    ClaimLost,
    EventDiscarded,
    SubmissionError,
    SubmissionPending,
    SupervisorError,
)
from supervisor.events import failed_event
from supervisor.invocation import DirectInvocation, RunPath
from supervisor.logs import Log
from supervisor.model import ExecutionMode
from supervisor.results import RunOutcome, RunResult
from supervisor.runs import leases, record_format
from supervisor.runs.run_record import RunRecord
from supervisor.runs.waiting import WaitingSubmission, describe_cause
from supervisor.trace_ids import valid_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.batch.run_evidence import UnconfirmedRun
    from supervisor.events.failed_event import FailedInvocation
    from supervisor.invocation import Invocation, Trigger
    from supervisor.job_model import BatchTarget
    from supervisor.model import BucketEncryption, FunctionConfig, ObjectRef, StoredObject
    from supervisor.ports import JobSubmitter, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerServices:
    """What the failure handler works with; ``now`` in epoch seconds.

    ``name`` is the handler's own function, ``bucket`` the state bucket. ``open_store`` connects to
    S3; its argument is the encryption that writes request. ``find_object`` returns the properties
    of an object that exists now, None also if the handler may not know. ``list_objects`` returns
    the objects below a key, up to 1,000.
    """

    name: str
    bucket: str
    find_object: Callable[[ObjectRef], StoredObject | None]
    list_objects: Callable[[ObjectRef], Mapping[str, StoredObject]]
    open_store: Callable[[tuple[BucketEncryption, ...]], ObjectStore]
    open_submitter: Callable[[BatchTarget], JobSubmitter]
    log: Log = field(default_factory=Log)
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecovery:
    """One failed invocation, its function and the reason; ``invocation`` is the handler's own."""

    services: HandlerServices
    invocation: Invocation
    failed_invocation: FailedInvocation
    config: FunctionConfig | None
    reason: SupervisorError

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

    @property
    def evidence(self) -> RunEvidence:
        return RunEvidence(
            failed=self.failed_invocation,
            config=self.config,
            store=self.services.open_store(()),
            bucket=self.services.bucket,
            find_object=self.services.find_object,
            list_objects=self.services.list_objects,
            can_submit=self._can_submit,
            now=self.services.now(),
            own_name=self.services.name,
            own_owner=self.invocation.owner,
        )

    def recover_run(self, trigger: Trigger) -> RunResult:
        path = self._own_path()
        try:
            run = self.evidence.confirm(trigger)
            if not isinstance(run, ConfirmedRun):
                return self._report_unconfirmed(run)
            path = run.path
            return self._recover_confirmed(run, self.services.log.for_run(path.run_id))
        except ClaimLost as lost:
            self.services.log.info(lost.problem)
            return RunResult(run=path, state=RunOutcome.DUPLICATE)
        except SupervisorError as error:
            self.services.log.error(error.problem, remedy=error.remedy)
            return RunResult(run=path, state=RunOutcome.FAILED, error=error)

    def _recover_confirmed(self, run: ConfirmedRun, log: Log) -> RunResult:
        trigger = run.trigger
        if self._has_recorded_failure(run):
            log.info("The function itself has recorded why this run failed.")
            return RunResult(run=run.path, state=RunOutcome.DUPLICATE)
        record = self._build_run_record(run)
        if not record.resume_claim():
            log.info("This run is done, submitted to Batch, or executed by another owner.")
            return RunResult(run=run.path, state=RunOutcome.DUPLICATE)
        # Also for a run that is submitted now: if its job fails, `scar retry` needs the event.
        record.keep_event(trigger.event)
        return self._submit_or_record(record, trigger, log)

    def _report_unconfirmed(self, run: UnconfirmedRun) -> RunResult:
        """Log a run that is not confirmed; record it, once per request, among the handler's own."""
        failed, log = self.failed_invocation, self.services.log
        if run.is_duplicate:
            log.info(run.reason)
            return RunResult(run=run.path, state=RunOutcome.DUPLICATE)
        condition = failed.condition if failed.condition in failed_event.CONDITIONS else "other"
        error = EventDiscarded(
            f"An invocation record names request {failed.request_id[:64]!r} of function"
            f" {failed.function} ({condition}), but nothing confirms it: {run.reason}",
            remedy="Nothing was started. If you expect a run, send the event again: upload the"
            " object again, or repeat the call.",
        )
        log.warning(error.problem, remedy=error.remedy)
        record = RunRecord(
            store=self.services.open_store(()),
            bucket=self.services.bucket,
            run=self._own_path(),
            owner=self.invocation.owner,
            description=self.invocation.log_location,
        )
        if record.claim():
            record.write_failure(error, self.invocation.log_location)
        return RunResult(run=record.run, state=RunOutcome.FAILED)

    def _own_path(self) -> RunPath:
        """Return a run of the handler itself: one per function and failed request."""
        failed = self.failed_invocation
        day = time.strftime("%Y-%m-%d", time.gmtime(self.services.now()))
        own = record_format.run_id(
            self.services.name, DirectInvocation(event=""), f"{failed.function} {failed.request_id}"
        )
        return RunPath(function=self.services.name, date=day, run_id=own)

    def _submit_or_record(self, record: RunRecord, trigger: Trigger, log: Log) -> RunResult:
        waiting = record.read_waiting()
        if (target := self.find_batch_target(waiting)) is not None and self.config is not None:
            try:
                submission = waiting or self._plan_submission(self.config, trigger)
            except SupervisorError as error:  # Batch has no more memory than Lambda
                return self._failed_result(record, error, log)
            try:
                job = build_job_request(
                    record.run,
                    record.owner.request,
                    trigger.event,
                    record.write_event,
                    first_job(target, submission.size),
                    # Of the failed invocation, if it came as far as its claim: the chain of
                    # invocations that Lambda counts must not begin anew with each lost sandbox.
                    trace=valid_trace_id(str(record.description.get("trace", "")))
                    or self.invocation.trace,
                )
                job_id = self.services.open_submitter(target).submit(job, until=self._until)
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
            record.write_submission(
                job.name,
                job_id,
                submission.cause,
                self._log_location(record),
                size=describe_size(submission.size),
            )
            return RunResult(run=record.run, state=RunOutcome.SUBMITTED, job_id=job_id)
        return self._failed_result(record, self.reason, log)

    def _can_submit(self, trigger: Trigger) -> bool:
        """Return whether a run without a record is submitted; if not, its failure is recorded."""
        if self.config is None or self.find_batch_target(None) is None:
            return False
        try:
            self._plan_submission(self.config, trigger)
        except SupervisorError:  # Batch has no more memory than Lambda
            return False
        return True

    def _plan_submission(self, config: FunctionConfig, trigger: Trigger) -> WaitingSubmission:
        """Return the submission of a run; raise OutOfMemory, EventError."""
        if not self.failed_invocation.is_sandbox_failure:
            return WaitingSubmission(size=plan_job(None, config, trigger))
        return WaitingSubmission(
            size=plan_job(self.reason, config, trigger), cause=describe_cause(self.reason)
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
        return throttled_until(self.invocation.deadline, self.services.now())

    def _failed_result(self, record: RunRecord, error: SupervisorError, log: Log) -> RunResult:
        log.warning(error.problem, remedy=error.remedy)
        self._record_failure(record, error)
        return RunResult(run=record.run, state=RunOutcome.FAILED)

    def _record_failure(self, record: RunRecord, error: SupervisorError) -> None:
        """Write ``error`` to the record, over that of an earlier attempt of the request too."""
        record.write_failure(error, self._log_location(record))

    @staticmethod
    def _log_location(record: RunRecord) -> dict[str, object]:
        return {name: record.description.get(name, "") for name in ("log_group", "log_stream")}

    def _build_run_record(self, run: ConfirmedRun) -> RunRecord:
        return RunRecord(
            # Records are encrypted as the function itself does.
            store=self.services.open_store(self.config.encryption if self.config else ()),
            bucket=self.services.bucket,
            run=run.path,
            owner=run.owner,
            description=record_format.describe_trigger(run.trigger) | self._describe_claim(run),
            lease=leases.lease_seconds(self.invocation.deadline, self.services.now()),
            has_job_ended=self._has_job_ended,
        )

    def _has_recorded_failure(self, run: ConfirmedRun) -> bool:
        """Return whether this request recorded its own failure after it claimed the run.

        An older record is of an earlier attempt. A failed submission does not count either:
        another one may succeed.
        """
        claim, error = (
            self.evidence.read_record(run.path, name)
            for name in (record_format.CLAIM, record_format.ERROR)
        )
        if claim is None or error is None or error[0].get("kind") in RESUBMITTED:
            return False
        owners = {
            record_format.parse_owner(record, str(run.path)) for record in (claim[0], error[0])
        }
        return owners == {run.owner} and error[1] >= claim[1]

    def _describe_claim(self, run: ConfirmedRun) -> dict[str, object]:
        """Return the log stream and the trace id of the failed request, from its claim."""
        location: dict[str, object] = {
            "log_group": f"/aws/lambda/{self.failed_invocation.function}",
            "log_stream": "",
        }
        if run.claim and record_format.parse_owner(dict(run.claim), str(run.path)) == run.owner:
            names = (*location, "trace")
            location |= {name: run.claim[name] for name in names if name in run.claim}
        return location

    def _has_job_ended(self, job: str) -> bool:
        if self.config is None or self.config.batch is None:
            return True
        try:
            submitter = self.services.open_submitter(self.config.batch)
            return submitter.has_ended(job, until=self._until)
        except SubmissionPending:
            raise  # Lambda invokes this function again
        except SupervisorError as error:
            self.services.log.info(f"{error.problem} It is assumed to be running.")
            return False
