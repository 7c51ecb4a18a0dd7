"""The Batch jobs that have not ended, and how they correct the states of runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from scar.aws.client.errors import translate_errors
from scar.aws.model.names import SHARED_PREFIX
from scar.runs.arrays.child_runs import parent_of
from scar.runs.states import RunState, is_cancelled
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_batch import BatchClient

    from scar.runs.ledger import Run

# Seconds after its submission in which a job may still be missing in ListJobs.
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
    """A job that has not ended; ``created`` in epoch seconds, ``reason`` is its statusReason.

    ``queue`` is the name of its job queue.
    """

    id: str
    name: str
    status: str
    created: float
    reason: str = ""
    queue: str = ""


def with_batch_state(
    run: Run, jobs: Mapping[str, UnfinishedJob] | None, listed_since: float
) -> Run:
    """Return the run with its state corrected by the unfinished jobs; None: not listed.

    ``jobs`` were listed just before the run's records. A run that was submitted before
    ``listed_since`` (epoch seconds) and has no unfinished job is lost: its job ended without a
    record, or never started. A failed run that has one is being retried by Batch, as after the
    interruption of a Spot Instance.
    """
    if jobs is None or not had_job(run) or parent_of(run) is not None:
        return run  # children of an array have no name of their own in the lists: see arrays
    job = jobs.get(f"{run.path.function}-{run.path.run_id}")
    if job is None and run.changed_at > listed_since:
        return run
    return with_job_status(run, "" if job is None else job.status)


def had_job(run: Run) -> bool:
    """Return whether a job was submitted, or has started although its submission is not recorded.

    A function that is killed between the two leaves no ``delegated.json``.
    """
    return any(
        name == record_format.DELEGATED or name.startswith(record_format.ATTEMPT_PREFIX)
        for name in run.record_times
    )


def with_job_status(run: Run, status: str) -> Run:
    """Return the run with its state corrected by its job's status.

    Any status that is not in ``UNFINISHED_STATUSES`` means that the job has ended.
    """
    match run.state:
        case RunState.QUEUED | RunState.RUNNING if status not in UNFINISHED_STATUSES:
            return replace(run, state=RunState.LOST)
        # A failure that is the run's newest record is that of an attempt. If its job has not
        # ended, Batch retries it; as after the loss of a host, of which there is no record.
        case RunState.FAILED | RunState.LOST if status in UNFINISHED_STATUSES and _may_continue(
            run
        ):
            return replace(run, state=RunState.RUNNING if status == "RUNNING" else RunState.QUEUED)
        case _:
            return run


def _may_continue(run: Run) -> bool:
    """Return whether the run is the unfinished job's to continue."""
    if run.state is RunState.LOST:
        return True
    return not is_cancelled(run.record_times) and run.changed_at == run.record_times.get(
        record_format.ERROR
    )


def list_unfinished_jobs(batch: BatchClient, queues: Iterable[str]) -> dict[str, UnfinishedJob]:
    """Return the unfinished jobs of these queues, by name; a deleted queue has none.

    Costs five listings for each queue, more if it has more than a page of jobs.
    """
    jobs: dict[str, UnfinishedJob] = {}
    named = set(queues)
    if not named:
        return jobs
    with translate_errors("list the Batch jobs"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        existing = (item["jobQueueName"] for page in pages for item in page["jobQueues"])
        # A function may have moved to another queue since its jobs were submitted, so all queues
        # of scar are listed, not only the named ones.
        for queue in (q for q in existing if q in named or q.startswith(SHARED_PREFIX)):
            for status in UNFINISHED_STATUSES:
                listed = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
                for job in (job for page in listed for job in page["jobSummaryList"]):
                    jobs[job["jobName"]] = UnfinishedJob(
                        id=job["jobId"],
                        name=job["jobName"],
                        status=status,
                        created=job.get("createdAt", 0) / 1000,
                        reason=job.get("statusReason", ""),
                        queue=queue,
                    )
    return jobs
