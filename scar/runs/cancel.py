"""Cancel the Batch job of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError
from scar.runs.diagnosis import CANCELLED
from scar.runs.states import RunState
from supervisor.runs import record_format

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

    from scar.runs.ledger import Run, RunLedger


_REMEDIES = {
    RunState.LAMBDA: "A run in Lambda ends by itself, at the function's timeout at the latest.",
    RunState.WAITING: "Its job does not exist yet or is unknown: cancel the run when it is queued.",
}


class NotCancellableError(ScarError):
    """The run has ended or runs in Lambda, so it cannot be cancelled."""


def cancel_run(ledger: RunLedger, batch: BatchClient, run: Run) -> str:
    """Terminate the run's Batch job and return the job's id.

    Raise NotCancellableError for a run that has ended or runs in Lambda, which has no API to
    stop an invocation.
    """
    if run.state not in (RunState.QUEUED, RunState.RUNNING):
        raise NotCancellableError(
            f"Run {run.path} ({run.state_text}) cannot be cancelled; only Batch jobs can.",
            remedy=_REMEDIES.get(run.state, "There is nothing to cancel."),
        )
    submission = ledger.read_record(run.path, record_format.DELEGATED) or {}
    job = str(submission.get("job", ""))
    with translate_errors(f"terminate the Batch job {job}"):
        batch.terminate_job(jobId=job, reason=CANCELLED)
    # A running job gets SIGTERM and records its own failure. A queued job never starts, so its
    # failure is recorded here. If the job starts in between, its own record is the one that
    # stays: this one is written only if there is none.
    if run.state is RunState.QUEUED:
        claim = ledger.read_record(run.path, record_format.CLAIM) or {}
        ledger.write_if_absent(
            run.path,
            record_format.ERROR,
            {
                "owner": claim.get("owner"),
                "kind": "Cancelled",
                "problem": "The job was cancelled with `scar cancel` before it started.",
                "remedy": "`scar retry` starts it again.",
                "log_group": "",
                "log_stream": "",
            },
        )
    return job
