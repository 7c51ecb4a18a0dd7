"""End what Batch still does or will do for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError
from scar.runs.diagnosis import CANCELLED
from scar.runs.states import RunState
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

    from scar.runs.ledger import Run, RunLedger


class NotCancellableError(ScarError):
    """A run cannot be ended from outside."""


def cancel_run(ledger: RunLedger, batch: BatchClient, run: Run) -> str:
    """End the run's Batch job, note it as the run's failure, and return the job's id.

    A job that runs gets TERM and notes its own end. Raise CannotCancel for runs that are over
    or in Lambda, which nobody can interrupt.
    """
    if run.state not in (RunState.QUEUED, RunState.RUNNING):
        raise NotCancellableError(
            f"The run {run.path} is {run.state.value}; only Batch jobs can be cancelled.",
            remedy="A run in Lambda ends by itself, at its time-out at the latest."
            if run.state is RunState.LAMBDA
            else "There is nothing to do.",
        )
    noted = ledger.read_record(run.path, records.DELEGATED) or {}
    job = str(noted.get("job", ""))
    with translate_errors(f"end the job {job}"):
        batch.terminate_job(jobId=job, reason=CANCELLED)
    if run.state is RunState.QUEUED:
        claim = ledger.read_record(run.path, records.CLAIM) or {}
        ledger.write_if_absent(
            run.path,
            records.ERROR,
            {
                "owner": claim.get("owner"),
                "kind": "Cancelled",
                "problem": "Somebody cancelled it with `scar cancel` before it began.",
                "remedy": "`scar retry` starts it again.",
                "log_group": "",
                "log_stream": "",
            },
        )
    return job
