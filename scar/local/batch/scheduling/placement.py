"""Decides which waiting jobs start, and in which compute environment.

Queues are served by priority, the jobs of a queue in the order of their submission or by share
(``fair_share``), and each job takes the first environment in its queue's order that has room. A job
that must wait for capacity blocks its environments for later jobs, so that small jobs cannot starve
a large one. All nodes of a multi-node job start together, and count as one job of this machine.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model.instance_types import find_instance_types
from scar.local.batch.scheduling.fair_share import order_jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.local.batch.scheduling.fair_share import ShareUse
    from scar.local.moto.batch_registry import ComputeEnvironmentRecord, JobQueueRecord

TOO_LARGE = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - the job needs more vCPUs than "
    "maxvCpus of any compute environment of its job queue"
)
NO_INSTANCE = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance type of any compute environment of "
    "the job queue has the memory, vCPUs and GPUs that the job needs"
)
ALL_DISABLED = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT - all compute environments of the job queue are DISABLED"
)
_NO_CAPACITY = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested:"
)
NO_SLOT = f"{_NO_CAPACITY} this machine runs as many jobs as it can"
NO_FREE_GPU = f"{_NO_CAPACITY} other jobs use the GPUs of this machine"
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
    gpus: int = 0
    nodes: int = 1
    status_reason: str = ""
    share: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class GpuCapacity:
    """How many GPUs this machine has, and how many of them no job uses."""

    total: int = 0
    free: int = 0

    def blocking_reason(self, job: RunnableJob) -> str:
        """Return why the machine can never run the job; empty if it can."""
        if job.gpus and job.nodes > 1:
            return (
                "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - the local cloud has no GPUs for the"
                " nodes of multi-node jobs"
            )
        if job.gpus <= self.total:
            return ""
        return (
            "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - the job needs GPUs:"
            f" {job.gpus}; this machine has {self.total or 'none'}"
        )


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
    gpus: GpuCapacity = GpuCapacity(),
    share_use: ShareUse | None = None,
) -> list[PlacementDecision]:
    """Return one decision for each job that starts, cannot start, or has lost its queue.

    A job that waits for capacity gets none, except the first of a queue: as in AWS, it has the
    reason why the queue is blocked.
    ``queues`` has None for deleted queues, ``used`` the vCPUs in use by environment ARN;
    ``free_slots`` is how many more jobs this machine runs. ``share_use`` is for ``order_jobs``.
    """
    queued: set[str] = set()
    busy, free_gpus = dict(used), gpus.free
    blocked: set[str] = set()
    decisions: list[PlacementDecision] = []
    for job in order_jobs(waiting, queues, share_use or {}):
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
            if _has_instance_type(e.instance_types, job.vcpus / job.nodes, job.memory, job.gpus)
        ]
        if not fitting or (reason := gpus.blocking_reason(job)):
            decisions.append(JobBlocked(job.id, reason if fitting else NO_INSTANCE))
            continue
        chosen = next((e for e in fitting if _has_room(e, job, busy, blocked)), None)
        if chosen is None or free_slots <= 0 or job.gpus > free_gpus:
            # Jobs that fit into other environments may still start.
            blocked.update(environment.arn for environment in fitting)
            # There is room in an environment, but no capacity: that of this machine is in use.
            if chosen is not None and job.queue not in queued:
                decisions.append(JobBlocked(job.id, NO_SLOT if free_slots <= 0 else NO_FREE_GPU))
            queued.add(job.queue)
            continue
        free_slots, free_gpus = free_slots - 1, free_gpus - job.gpus
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


def queue_heads(ordered: Sequence[RunnableJob]) -> frozenset[str]:
    """Return the first waiting job of each queue: the only one that a time limit cancels."""
    heads: dict[str, RunnableJob] = {}
    for job in ordered:
        heads.setdefault(job.queue, job)
    return frozenset(job.id for job in heads.values())


@functools.lru_cache(maxsize=1024)
def _has_instance_type(names: tuple[str, ...], vcpus: float, memory: int, gpus: int) -> bool:
    """Return whether one of the instance types fits the job; unknown and no types fit every job."""
    types = find_instance_types(names) if names else None
    return types is None or any(t.fits(vcpus, memory, gpus) for t in types)


def _has_room(
    environment: ComputeEnvironmentRecord,
    job: RunnableJob,
    busy: Mapping[str, float],
    blocked: set[str],
) -> bool:
    free = environment.max_vcpus - busy.get(environment.arn, 0.0)
    # Sums of fractional vCPUs, like 0.1 + 0.2, miss the exact number.
    return environment.arn not in blocked and job.vcpus <= free + 1e-9
