"""The jobs of functions that Batch has not finished, and what it says about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from scar.aws.client.errors import translated
from scar.aws.model.names import SHARED_PREFIX
from scar.runs.states import State
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_batch import BatchClient

    from scar.runs.ledger import Run

# Seconds in which a job may appear in Batch's lists after its submission.
SETTLING = 60.0
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


def as_batch_sees(run: Run, jobs: Mapping[str, WaitingJob] | None, settled: float) -> Run:
    """Correct a run's state by the jobs that were unfinished just before it was listed.

    What was handed over before ``settled`` and has no such job is lost: its job ended without
    a word, or never began. What failed and still has one is repeated by Batch, as after the
    loss of a machine. ``jobs`` is None where Batch was not asked.
    """
    if jobs is None or records.DELEGATED not in run.written:
        return run
    job = jobs.get(f"{run.path.function}-{run.path.run_id}")
    if job is None and run.changed > settled:
        return run
    return as_its_job(run, "" if job is None else job.status)


def as_its_job(run: Run, status: str) -> Run:
    """Correct a run's state by its job's; any status but an unfinished one means that it ended."""
    match run.state:
        case State.HANDED | State.RUNNING if status not in STATUSES:
            return replace(run, state=State.LOST)
        case State.FAILED if status in STATUSES and run.changed == run.written[records.ERROR]:
            return replace(run, state=State.RUNNING if status == "RUNNING" else State.HANDED)
        case _:
            return run


def unfinished(batch: BatchClient, queues: Iterable[str]) -> dict[str, WaitingJob]:
    """Return the unfinished jobs of these queues by name; a queue that is gone has none.

    Jobs also end in a queue that their function has left since, so all of scar's queues are
    asked about as soon as one is named. Five listings for each, more if it holds more than a
    page of jobs.
    """
    found: dict[str, WaitingJob] = {}
    named = set(queues)
    if not named:
        return found
    with translated("list the jobs in Batch"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        there = (item["jobQueueName"] for page in pages for item in page["jobQueues"])
        for queue in (q for q in there if q in named or q.startswith(SHARED_PREFIX)):
            for status in STATUSES:
                listed = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
                for job in (job for page in listed for job in page["jobSummaryList"]):
                    found[job["jobName"]] = WaitingJob(
                        id=job["jobId"],
                        name=job["jobName"],
                        status=status,
                        created=job.get("createdAt", 0) / 1000,
                        reason=job.get("statusReason", ""),
                    )
    return found
