"""The jobs of functions that Batch has not finished, and what it says about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from scar.aws.faults import translated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_batch import BatchClient

STATUSES: Final[tuple[Literal["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"], ...]] = (
    "SUBMITTED",
    "PENDING",
    "RUNNABLE",
    "STARTING",
    "RUNNING",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingJob:
    """A job that has not ended; ``created`` in epoch seconds, ``reason`` as Batch words it."""

    id: str
    name: str
    status: str
    created: float
    reason: str = ""


def unfinished(batch: BatchClient, queues: Iterable[str]) -> dict[str, WaitingJob]:
    """Return the unfinished jobs of these queues by name; a queue that is gone has none.

    Five listings for each queue, more if it holds more than a page of jobs.
    """
    found: dict[str, WaitingJob] = {}
    named = sorted(set(queues))
    if not named:
        return found
    with translated("list the jobs in Batch"):
        there = batch.describe_job_queues(jobQueues=named)["jobQueues"]
        for queue in (item["jobQueueName"] for item in there):
            for status in STATUSES:
                pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
                for job in (job for page in pages for job in page["jobSummaryList"]):
                    found[job["jobName"]] = WaitingJob(
                        id=job["jobId"],
                        name=job["jobName"],
                        status=status,
                        created=job.get("createdAt", 0) / 1000,
                        reason=job.get("statusReason", ""),
                    )
    return found
