"""Submit a run from Lambda to Batch, and record its job, or that the run waits for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.batch.job_options import plan_job
from supervisor.batch.job_request import build_job_request, describe_size, first_job
from supervisor.batch.submission_deadline import throttled_until
from supervisor.errors import ClaimLost, SubmissionPending, SupervisorError
from supervisor.invocation import DirectInvocation
from supervisor.results import RunOutcome, RunResult
from supervisor.runs.waiting import WaitingSubmission, describe_cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.execution.staging import RunContext
    from supervisor.logs import Log
    from supervisor.ports import JobSubmitter
    from supervisor.runs.run_record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmission:
    """Submits the first job of a run; ``now`` is in epoch seconds."""

    context: RunContext
    record: RunRecord
    log: Log
    open_submitter: Callable[[], JobSubmitter]
    now: Callable[[], float]

    def start(self, error: SupervisorError | None = None) -> RunResult:
        """Submit the run after this error in Lambda; None: the run was not started there."""
        size = plan_job(error, self.context.config, self.context.trigger)
        return self.submit(WaitingSubmission(size=size, cause=describe_cause(error)))

    def submit(self, submission: WaitingSubmission) -> RunResult:
        """Submit the run; it waits for Lambda's next attempt if Batch throttles the request.

        Raise SubmissionPending if there is no next attempt.
        """
        context, record = self.context, self.record
        job = build_job_request(
            context.run,
            context.invocation.owner.request,
            context.trigger.event,
            record.write_event,
            first_job(context.config.batch, submission.size),
            trace=context.invocation.trace,
        )
        until = throttled_until(context.invocation.deadline, self.now())
        try:
            job_id = self.open_submitter().submit(job, until=until)
        except SubmissionPending as error:
            self._record_waiting(error, submission)
            if not self._is_delivered_again():
                raise
            return RunResult(run=context.run, state=RunOutcome.WAITING, error=error)
        self.log.info(f"Batch job {job.name} submitted.", job=job_id)
        try:
            record.write_submission(
                job.name,
                job_id,
                submission.cause,
                context.invocation.log_location,
                size=describe_size(submission.size),
            )
        except SupervisorError as error:
            # The job exists: after an error Lambda would retry, and submit a second one.
            self.log.warning(f"The job cannot be recorded: {error.problem}", remedy=error.remedy)
        return RunResult(run=context.run, state=RunOutcome.SUBMITTED, job_id=job_id)

    def _is_delivered_again(self) -> bool:
        """Return whether Lambda hands a failed event on: not if its caller waits for a response."""
        trigger = self.context.trigger
        is_api_request = isinstance(trigger, DirectInvocation) and trigger.is_api_request
        return self.context.config.has_failure_handler and not is_api_request

    def _record_waiting(self, error: SubmissionPending, submission: WaitingSubmission) -> None:
        """Record that the run waits; the error makes Lambda start another attempt.

        Raise ClaimLost if only Batch's response was lost, and the job has started meanwhile.
        Recorded also if only `lambda.retries` starts one: it must not run the script beside a job
        whose submission was not confirmed.
        """
        context, record, log = self.context, self.record, self.log
        log.warning(f"{error.problem} Lambda's next attempt, if there is one, submits the run.")
        try:
            record.check_claim()
            record.keep_event(context.trigger.event)
            record.write_waiting(submission, error, context.invocation.log_location)
        except ClaimLost:
            raise
        except SupervisorError as second:
            # The next attempt finds the claim and the error type, and submits the run all the same.
            log.error(f"Waiting cannot be recorded: {second.problem}", remedy=second.remedy)
