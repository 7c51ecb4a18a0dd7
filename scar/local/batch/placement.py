"""Decides which waiting jobs start, and in which compute environment.

Queues are served by priority, the jobs of a queue in the order of their submission, and each job
takes the first environment in its queue's order that has room. A job that must wait for capacity
blocks its environments for later jobs, so that small jobs cannot starve a large one. All nodes of a
multi-node job start together, and count as one job of this machine.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model.instance_types import find_instance_types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.local.moto.batch_registry import ComputeEnvironmentRecord, JobQueueRecord

TOO_LARGE = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - the job needs more vCPUs than "
    "maxvCpus of any compute environment of its job queue"
)
NO_INSTANCE = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance type of any compute environment of "
    "the job queue has the memory and vCPUs that the job needs"
)
ALL_DISABLED = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT - all compute environments of the job queue are DISABLED"
)
QUEUE_GONE = "Job queue was deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnableJob:
    """A RUNNABLE job; ``queue`` is an ARN, ``sequence`` the order of submission, memory in MiB.

    ``vcpus`` are those of all ``nodes`` together, ``memory`` that of each.
    """

    sequence: int
    id: str
    queue: str
    vcpus: float
    memory: int = 0
    nodes: int = 1
    status_reason: str = ""


@dataclass(frozen=True, slots=True)
class JobStart:
    """The job starts in this compute environment."""

    job: str
    environment: ComputeEnvironmentRecord


@dataclass(frozen=True, slots=True)
class JobBlocked:
    """The job cannot start with the current configuration, for this reason."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobOrphaned:
    """The job's queue was deleted."""

    job: str


PlacementDecision = JobStart | JobBlocked | JobOrphaned


def place_jobs(
    waiting: Sequence[RunnableJob],
    queues: Mapping[str, JobQueueRecord | None],
    used: Mapping[str, float],
    free_slots: int,
) -> list[PlacementDecision]:
    """Return one decision for each job that starts, cannot start, or has lost its queue.

    A job that waits for capacity gets none. ``queues`` has None for deleted queues, ``used`` the
    vCPUs in use by environment ARN; ``free_slots`` is how many more jobs this machine runs.
    """
    busy = dict(used)
    blocked: set[str] = set()
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
        fitting = [
            e
            for e in fitting
            if _has_instance_type(e.instance_types, job.vcpus / job.nodes, job.memory)
        ]
        if not fitting:
            decisions.append(JobBlocked(job.id, NO_INSTANCE))
            continue
        chosen = next((e for e in fitting if _has_room(e, job, busy, blocked)), None)
        if chosen is None or free_slots <= 0:
            # Jobs that fit into other environments may still start.
            blocked.update(environment.arn for environment in fitting)
            continue
        free_slots -= 1
        busy[chosen.arn] = busy.get(chosen.arn, 0.0) + job.vcpus
        decisions.append(JobStart(job.id, chosen))
    return decisions


def find_expired_limit(queue: JobQueueRecord, reason: str, seconds: float) -> str:
    """Return the reason with which a blocked job is cancelled; empty if it is not.

    ``reason`` is its statusReason, which it has had for ``seconds`` at the head of its queue.
    """
    matching = (
        limit
        for limit in queue.time_limits
        if reason == limit.reason or reason.startswith(f"{limit.reason} ")
    )
    return next((limit.reason for limit in matching if seconds >= limit.seconds), "")


def queue_heads(waiting: Sequence[RunnableJob]) -> frozenset[str]:
    """Return the first waiting job of each queue: the only one that a time limit cancels."""
    heads: dict[str, RunnableJob] = {}
    for job in sorted(waiting, key=lambda job: job.sequence):
        heads.setdefault(job.queue, job)
    return frozenset(job.id for job in heads.values())


@functools.lru_cache(maxsize=1024)
def _has_instance_type(names: tuple[str, ...], vcpus: float, memory: int) -> bool:
    """Return whether one of the instance types fits the job; unknown and no types fit every job."""
    types = find_instance_types(names) if names else None
    return types is None or any(t.fits(vcpus, memory) for t in types)


def _queue_priority(queues: Mapping[str, JobQueueRecord | None], job: RunnableJob) -> int:
    queue = queues.get(job.queue)
    return 0 if queue is None else queue.priority


def _has_room(
    environment: ComputeEnvironmentRecord,
    job: RunnableJob,
    busy: Mapping[str, float],
    blocked: set[str],
) -> bool:
    free = environment.max_vcpus - busy.get(environment.arn, 0.0)
    # Sums of fractional vCPUs, like 0.1 + 0.2, miss the exact number.
    return environment.arn not in blocked and job.vcpus <= free + 1e-9
