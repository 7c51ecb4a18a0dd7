"""Submit a run again from the job whose script failed: see ``supervisor.batch.resubmission``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.batch import resubmission
from supervisor.batch.job_request import build_job_request
from supervisor.errors import (
    OutOfMemory,
    ScriptFailed,
    SubmissionError,
    SubmissionPending,
    SupervisorError,
)
from supervisor.results import RunOutcome, RunResult
from supervisor.runs.waiting import describe_cause
from supervisor.script_status import SIGKILL_STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.execution.staging import RunContext
    from supervisor.invocation import RunJob, RunOwner
    from supervisor.job_model import BatchTarget
    from supervisor.logs import Log
    from supervisor.ports import JobSubmitter
    from supervisor.runs.run_record import RunRecord


def find_killed_attempt(
    target: BatchTarget | None, owner: RunOwner, open_submitter: Callable[[], JobSubmitter]
) -> OutOfMemory | None:
    """Return the error of the job's last attempt if memory exhaustion killed its container.

    Raise SubmissionError if Batch's description of the job cannot be read.
    """
    if owner.attempt < 2 or not resubmission.restarts_killed_jobs(target):
        return None
    last = owner.attempt - 1
    if not open_submitter().was_out_of_memory(owner.job, last):
        return None
    error = OutOfMemory(SIGKILL_STATUS)
    error.problem = f"The container of attempt {last} was killed: it ran out of memory."
    error.record = {"status": SIGKILL_STATUS, "signal": "SIGKILL"}
    return error


@dataclass(frozen=True, slots=True)
class NextJob:
    """Submits the job that continues a run."""

    target: BatchTarget
    open_submitter: Callable[[], JobSubmitter]
    context: RunContext
    record: RunRecord
    log: Log

    def submit(self, error: SupervisorError, job: RunJob) -> RunResult:
        """Submit the job after ``job``; raise ``error`` if no rule names it, or there is none.

        The result has the error: this job ends with its script's status, so that jobs that depend
        on it do not start.
        """
        rule = resubmission.find_rule(self.target, error)
        if rule is None:
            raise error
        owner = self.context.invocation.owner
        planned = resubmission.plan_next_job(self.target, rule, job, owner)
        if isinstance(planned, str):
            error.problem = f"{error.problem} {planned}"
            raise error
        self.log.info(f"{error.problem} The run continues as its job {planned.number}.")
        # A job whose claim was taken over must not start yet another one.
        self.record.check_claim()
        size = resubmission.describe_next_job(self.target, rule, job, planned)
        job_id = self._submit_job(error, planned, size)
        output = error.output if isinstance(error, ScriptFailed) else b""
        return RunResult(
            run=self.context.run,
            state=RunOutcome.SUBMITTED,
            job_id=job_id,
            output=output,
            error=error,
        )

    def _submit_job(
        self, error: SupervisorError, planned: RunJob, size: Mapping[str, object]
    ) -> str:
        invocation = self.context.invocation
        request = build_job_request(
            self.context.run,
            invocation.owner.request,
            self.context.trigger.event,
            self.record.write_event,
            planned,
            trace=invocation.trace,
        )
        try:
            job_id = self.open_submitter().submit(request)
        except SubmissionError as second:
            if isinstance(second, SubmissionPending):
                # If only the response was lost, the job may have started, and have the claim.
                self.record.check_claim()
            error.problem = f"{error.problem} It was not submitted again: {second.problem}"
            raise error from second
        self.log.info(f"Batch job {request.name} submitted.", job=job_id)
        try:
            self.record.write_submission(
                request.name,
                job_id,
                describe_cause(error),
                invocation.log_location,
                planned.number,
                size,
            )
        except SupervisorError as unrecorded:
            # The job exists, and takes the claim over when it starts.
            self.log.warning(
                f"The job cannot be recorded: {unrecorded.problem}", remedy=unrecorded.remedy
            )
        return job_id
