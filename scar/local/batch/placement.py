"""Which waiting job starts in which compute environment. Pure.

Queues by priority, jobs of a queue in the order of their submission, environments in the
queue's order. A job that must wait for capacity keeps its environments closed to those behind
it, so that small jobs cannot starve a large one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.local.moto.batch_registry import ComputeEnvironmentRecord, JobQueueRecord

TOO_LARGE = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - no compute environment of the queue "
    "may have as many vCPUs as the job needs"
)
ALL_DISABLED = "MISCONFIGURATION:COMPUTE_ENVIRONMENT - all of the queue's environments are DISABLED"
QUEUE_GONE = "Job queue was deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnableJob:
    """A RUNNABLE job; ``queue`` is an ARN, ``number`` grows with submission."""

    sequence: int
    id: str
    queue: str
    vcpus: float
    status_reason: str = ""


@dataclass(frozen=True, slots=True)
class JobStart:
    """Start this job in that compute environment."""

    job: str
    environment: ComputeEnvironmentRecord


@dataclass(frozen=True, slots=True)
class JobBlocked:
    """This job cannot start as things are; why."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobOrphaned:
    """This job's queue is gone."""

    job: str


PlacementDecision = JobStart | JobBlocked | JobOrphaned


def place_jobs(
    waiting: Sequence[RunnableJob],
    queues: Mapping[str, JobQueueRecord | None],
    used: Mapping[str, float],
    free_slots: int,
) -> list[PlacementDecision]:
    """Decide about the waiting jobs; ``used`` has the vCPUs in use by environment ARN.

    ``places`` is how many more jobs this machine takes.
    """
    busy = dict(used)
    closed: set[str] = set()
    decisions: list[PlacementDecision] = []
    for job in sorted(waiting, key=lambda job: (-_queue_priority(queues, job), job.sequence)):
        queue = queues.get(job.queue)
        if queue is None:
            decisions.append(JobOrphaned(job.id))
            continue
        enabled = [environment for environment in queue.environments if environment.enabled]
        fitting = [environment for environment in enabled if environment.max_vcpus >= job.vcpus]
        if not fitting:
            decisions.append(JobBlocked(job.id, TOO_LARGE if enabled else ALL_DISABLED))
            continue
        chosen = next((e for e in fitting if _has_room(e, job, busy, closed)), None)
        if chosen is None or free_slots <= 0:
            closed.update(environment.arn for environment in fitting)
            continue
        free_slots -= 1
        busy[chosen.arn] = busy.get(chosen.arn, 0.0) + job.vcpus
        decisions.append(JobStart(job.id, chosen))
    return decisions


def _queue_priority(queues: Mapping[str, JobQueueRecord | None], job: RunnableJob) -> int:
    queue = queues.get(job.queue)
    return 0 if queue is None else queue.priority


def _has_room(
    environment: ComputeEnvironmentRecord,
    job: RunnableJob,
    busy: Mapping[str, float],
    closed: set[str],
) -> bool:
    free = environment.max_vcpus - busy.get(environment.arn, 0.0)
    return environment.arn not in closed and job.vcpus <= free + 1e-9
