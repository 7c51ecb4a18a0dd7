"""The jobs of functions that Batch has not finished, and what it says about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from scar.aws.client.errors import translate_errors
from scar.aws.model.names import SHARED_PREFIX
from scar.runs.states import RunState
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_batch import BatchClient

    from scar.runs.ledger import Run

# Seconds in which a job may appear in Batch's lists after its submission.
LISTING_DELAY = 60.0
UNFINISHED_STATUSES: Final[
    tuple[Literal["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"], ...]
] = (
    "SUBMITTED",
    "PENDING",
    "RUNNABLE",
    "STARTING",
    "RUNNING",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedJob:
    """A job that has not ended; ``created`` in epoch seconds, ``reason`` as Batch words it."""

    id: str
    name: str
    status: str
    created: float
    reason: str = ""


def with_batch_state(run: Run, jobs: Mapping[str, UnfinishedJob] | None, settled: float) -> Run:
    """Correct a run's state by the jobs that were unfinished just before it was listed.

    What was handed over before ``settled`` and has no such job is lost: its job ended without
    a word, or never began. What failed and still has one is repeated by Batch, as after the
    loss of a machine. ``jobs`` is None where Batch was not asked.
    """
    if jobs is None or records.DELEGATED not in run.record_times:
        return run
    job = jobs.get(f"{run.path.function}-{run.path.run_id}")
    if job is None and run.changed_at > settled:
        return run
    return with_job_status(run, "" if job is None else job.status)


def with_job_status(run: Run, status: str) -> Run:
    """Correct a run's state by its job's; any status but an unfinished one means that it ended."""
    match run.state:
        case RunState.QUEUED | RunState.RUNNING if status not in UNFINISHED_STATUSES:
            return replace(run, state=RunState.LOST)
        case RunState.FAILED if (
            status in UNFINISHED_STATUSES and run.changed_at == run.record_times[records.ERROR]
        ):
            return replace(run, state=RunState.RUNNING if status == "RUNNING" else RunState.QUEUED)
        case _:
            return run


def list_unfinished_jobs(batch: BatchClient, queues: Iterable[str]) -> dict[str, UnfinishedJob]:
    """Return the unfinished jobs of these queues by name; a queue that is gone has none.

    Jobs also end in a queue that their function has left since, so all of scar's queues are
    asked about as soon as one is named. Five listings for each, more if it holds more than a
    page of jobs.
    """
    found: dict[str, UnfinishedJob] = {}
    named = set(queues)
    if not named:
        return found
    with translate_errors("list the jobs in Batch"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        there = (item["jobQueueName"] for page in pages for item in page["jobQueues"])
        for queue in (q for q in there if q in named or q.startswith(SHARED_PREFIX)):
            for status in UNFINISHED_STATUSES:
                listed = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
                for job in (job for page in listed for job in page["jobSummaryList"]):
                    found[job["jobName"]] = UnfinishedJob(
                        id=job["jobId"],
                        name=job["jobName"],
                        status=status,
                        created=job.get("createdAt", 0) / 1000,
                        reason=job.get("statusReason", ""),
                    )
    return found
