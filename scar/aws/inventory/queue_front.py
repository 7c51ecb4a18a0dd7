"""The places of waiting jobs in their job queue, and why they wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.aws.handlers.batch.statuses import INVALID, environments_of, reason_of, status_of
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        FrontOfQueueJobSummaryTypeDef,
        GetJobQueueSnapshotResponseTypeDef,
    )

RUNNABLE = "RUNNABLE"
MOST_PLACES = 100
"""Jobs at the front of a queue that Batch reports (model: FrontOfQueueDetail)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFront:
    """The front of a job queue: the places of its first RUNNABLE jobs by id, from 1.

    ``used`` are the vCPUs that its jobs have, None if Batch does not report them; ``most`` those of
    the usable environments together. ``problems`` say which environments cannot be used, and why.
    ``first_reason`` is why Batch does not start the first job: the others wait behind it.
    """

    places: Mapping[str, int]
    used: float | None
    most: int
    environments: int
    problems: tuple[str, ...] = ()
    first_reason: str = ""


def read_queue_front(batch: BatchClient, queue: str) -> QueueFront:
    """Read the front of a queue, in four requests whatever the number of jobs; raise ScarError."""
    with translate_errors(f"read the front of job queue {queue}"):
        snapshot = batch.get_job_queue_snapshot(jobQueue=queue)
        queues = batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        used = [name for found in queues for name in environments_of(found)]
        described = batch.describe_compute_environments(computeEnvironments=used)
        front = [_job_id(job) for job in snapshot.get("frontOfQueue", {}).get("jobs", [])]
        first = batch.describe_jobs(jobs=front[:1])["jobs"] if front else []
    environments = described["computeEnvironments"]
    usable = [e for e in environments if not _problem(e)]
    return QueueFront(
        places={job: place for place, job in enumerate(front, start=1)},
        used=_used_vcpus(snapshot),
        most=sum(e.get("computeResources", {}).get("maxvCpus", 0) for e in usable),
        environments=len(usable),
        problems=tuple(problem for e in environments if (problem := _problem(e))),
        # Of a job that has started since, the reason is why it runs.
        first_reason=next(
            (j.get("statusReason", "") for j in first if j["status"] == RUNNABLE), ""
        ),
    )


def describe_place(
    front: QueueFront, job: str, *, status: str, reason: str = "", waiting: int | None = None
) -> str:
    """Return the place of a job and why it waits, as far as Batch reports it.

    ``reason`` is the job's statusReason, ``waiting`` the number of RUNNABLE jobs in the queue if it
    is known.
    """
    parts = [_describe_position(front, job, status, waiting), *front.problems]
    # A job that can never run does not wait for instances, whatever room there is.
    is_impossible = reason.startswith("MISCONFIGURATION:")
    is_first = front.places.get(job) == 1
    known = reason or ("" if is_first else front.first_reason)
    if front.used is not None and front.environments and not is_impossible:
        parts.append(_describe_capacity(front, front.used, is_explained=bool(known)))
    if known:
        whose = "AWS Batch" if reason else "AWS Batch on the first job of the queue"
        parts.append(f"{whose}: {known}")
    return "; ".join(parts)


def _describe_position(front: QueueFront, job: str, status: str, waiting: int | None) -> str:
    if status != RUNNABLE:
        return f"{status}, not RUNNABLE yet"
    number = len(front.places)
    total = f"{max(waiting or 0, number):,}"
    if place := front.places.get(job):
        # Children of arrays wait too, and are not among the jobs that were counted.
        more = " or more" if number >= MOST_PLACES else ""
        return f"{_ordinal(place)} of {total}{more} in the queue"
    if number >= MOST_PLACES:
        return f"behind the first {number} jobs of the queue"
    return "not in Batch's snapshot of the queue yet"


def _describe_capacity(front: QueueFront, used: float, *, is_explained: bool) -> str:
    """Return how many vCPUs are used; ``is_explained``: Batch says why it does not use the rest."""
    many = front.environments > 1
    name = "the compute environments are" if many else "the compute environment is"
    amount = f"{used:g} of {front.most} used"
    if used >= front.most:
        return f"{name} at {'their' if many else 'its'} max_v_cpus ({amount})"
    text = f"{name} below max_v_cpus ({amount})"
    return text if is_explained else f"{text}: instances start, or AWS has none to offer"


def _job_id(job: FrontOfQueueJobSummaryTypeDef) -> str:
    return job.get("jobArn", "").rpartition("/")[2]


def _problem(found: ComputeEnvironmentDetailTypeDef) -> str:
    """Return why the environment runs no jobs; empty if it can."""
    name = names.shared_name(found["computeEnvironmentName"])
    if status_of(found) == INVALID:
        return f"compute environment {name} is INVALID: {reason_of(found)}"
    if found.get("state") == "DISABLED":
        return f"compute environment {name} is DISABLED"
    return ""


def _used_vcpus(snapshot: GetJobQueueSnapshotResponseTypeDef) -> float | None:
    usage = snapshot.get("queueUtilization", {}).get("totalCapacityUsage", [])
    vcpus = [u.get("quantity", 0.0) for u in usage if u.get("capacityUnit") == "VCPU"]
    return sum(vcpus) if vcpus else None


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10)
    return f"{number:,}{ending or 'th'}"
