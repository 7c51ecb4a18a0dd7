"""The order of waiting jobs: by submission, or in queues with a scheduling policy by share.

Like AWS Batch, the share with the least use, times its weight, is next; among the jobs of a share
those with the highest priority come first, then the oldest. A share's use is the vCPUs that its
jobs have, and those that they had within the policy's window, averaged over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.local.moto.batch_registry import FairShareRecord, JobQueueRecord

    ShareUse = Mapping[tuple[str, str], float]
    """vCPUs by queue ARN and share identifier."""


class WaitingJob(Protocol):
    """What the order depends on: ``queue`` is an ARN, ``sequence`` the order of submission."""

    @property
    def sequence(self) -> int: ...
    @property
    def queue(self) -> str: ...
    @property
    def vcpus(self) -> float: ...
    @property
    def share(self) -> str: ...
    @property
    def priority(self) -> int: ...


J = TypeVar("J", bound=WaitingJob)
DEFAULT_DECAY_SECONDS = 600
"""model: FairsharePolicy.shareDecaySeconds, 0 is "the default minimum time window"."""


def order_jobs(
    waiting: Sequence[J], queues: Mapping[str, JobQueueRecord | None], use: ShareUse
) -> list[J]:
    """Return the jobs in the order in which they are served, queues of higher priority first."""
    ordered = sorted(waiting, key=lambda job: (-_queue_priority(queues, job), job.sequence))
    in_shares = {
        arn: _order_by_share([j for j in ordered if j.queue == arn], queue.fair_share, use)
        for arn, queue in queues.items()
        if queue is not None and queue.fair_share is not None
    }
    # A queue with shares keeps its places among queues of the same priority.
    return [next(in_shares[job.queue]) if job.queue in in_shares else job for job in ordered]


def weight_of(share: str, policy: FairShareRecord) -> float:
    """Return the weight of a share: that of its identifier or prefix, 1.0 if none is listed."""
    for name, weight in policy.weights:
        if name == share or (name.endswith("*") and share.startswith(name[:-1])):
            return weight
    return 1.0


def _order_by_share(jobs: Sequence[J], policy: FairShareRecord, use: ShareUse) -> Iterator[J]:
    """Yield the jobs as if each one started and used its vCPUs from then on."""
    by_share: dict[str, list[J]] = {}
    for job in sorted(jobs, key=lambda job: (job.priority, -job.sequence)):
        by_share.setdefault(job.share, []).append(job)  # the next one is the last of its list
    used = {share: use.get((own[0].queue, share), 0.0) for share, own in by_share.items()}
    while by_share:
        share = min(
            by_share,
            key=lambda s: (used[s] * weight_of(s, policy), by_share[s][-1].sequence),
        )
        job = by_share[share].pop()
        used[share] += job.vcpus
        if not by_share[share]:
            del by_share[share]
        yield job


def _queue_priority(queues: Mapping[str, JobQueueRecord | None], job: WaitingJob) -> int:
    queue = queues.get(job.queue)
    return 0 if queue is None else queue.priority
