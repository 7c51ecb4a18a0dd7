"""List and terminate unfinished jobs: they keep their queue and function from being removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final, Literal

from scar.aws.client.errors import translate_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobSummaryTypeDef

PARALLEL = 24
_ActiveStatus = Literal["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"]
_ACTIVE_STATUSES: Final[tuple[_ActiveStatus, ...]] = (
    "SUBMITTED",
    "PENDING",
    "RUNNABLE",
    "STARTING",
    "RUNNING",
)


@dataclass(frozen=True, slots=True)
class ActiveJob:
    """An unfinished job; its ``function`` has the same name as its job definition.

    ``definition`` is the ARN of the job definition's revision.
    """

    id: str
    name: str
    function: str
    queue: str
    definition: str = ""


def list_active_jobs(batch: BatchClient, queues: Sequence[str]) -> tuple[ActiveJob, ...]:
    """List the unfinished jobs of existing queues; ListJobs takes one queue and one state."""

    def list_jobs(queue: str, status: _ActiveStatus) -> list[ActiveJob]:
        with translate_errors(f"list the jobs of {queue}"):
            pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
            return [_parse_job(job, queue) for page in pages for job in page["jobSummaryList"]]

    if not queues:
        return ()
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = pool.map(lambda each: list_jobs(*each), product(queues, _ACTIVE_STATUSES))
        # A job that changes its state meanwhile may be listed twice.
        return tuple({job.id: job for some in found for job in some}.values())


def terminate_job(batch: BatchClient, job: ActiveJob) -> None:
    with translate_errors(f"terminate job {job.name}"):
        batch.terminate_job(jobId=job.id, reason="scar rm --force")


def _parse_job(summary: JobSummaryTypeDef, queue: str) -> ActiveJob:
    definition = summary.get("jobDefinition", "")
    function = definition.rpartition("/")[2].partition(":")[0]
    return ActiveJob(summary["jobId"], summary["jobName"], function, queue, definition)
