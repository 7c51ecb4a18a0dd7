"""Jobs that have not ended: what keeps a queue or a function from being removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from scar.aws.faults import translated

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobSummaryTypeDef

_ACTIVE: Final[tuple[Literal["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"], ...]] = (
    "SUBMITTED",
    "PENDING",
    "RUNNABLE",
    "STARTING",
    "RUNNING",
)


@dataclass(frozen=True, slots=True)
class ActiveJob:
    """A job that is not finished; ``function`` is the name of its definition."""

    id: str
    name: str
    function: str
    queue: str


def active(batch: BatchClient, queue: str) -> tuple[ActiveJob, ...]:
    """List the unfinished jobs of a queue; none if the queue is gone."""
    found = []
    with translated(f"list the jobs of {queue}"):
        if not batch.describe_job_queues(jobQueues=[queue])["jobQueues"]:
            return ()
        for status in _ACTIVE:
            pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
            found += [_job(job, queue) for page in pages for job in page["jobSummaryList"]]
    return tuple(found)


def terminate(batch: BatchClient, job: ActiveJob) -> None:
    with translated(f"end job {job.name}"):
        batch.terminate_job(jobId=job.id, reason="scar rm --force")


def _job(summary: JobSummaryTypeDef, queue: str) -> ActiveJob:
    definition = summary.get("jobDefinition", "").rpartition("/")[2].partition(":")[0]
    return ActiveJob(summary["jobId"], summary["jobName"], definition, queue)
