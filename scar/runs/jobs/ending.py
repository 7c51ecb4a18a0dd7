"""Terminate jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

    from scar.runs.jobs.model import Job

REASON = "Cancelled with `scar job cancel`."


class JobHasEndedError(ScarError):
    """The job has ended, so it cannot be cancelled."""


def cancel_job(batch: BatchClient, job: Job) -> None:
    """End a job: a waiting one does not start, a running one gets TERM; raise JobHasEndedError.

    The children of an array, and the nodes of a job, end with their parent.
    """
    if job.has_ended:
        raise JobHasEndedError(
            f"The job {job.id} has ended: {job.state}.", remedy="There is nothing to cancel."
        )
    with translate_errors(f"terminate the job {job.id}"):
        batch.terminate_job(jobId=job.id, reason=REASON)
