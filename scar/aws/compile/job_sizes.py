"""What a job can be given instead of what its definition says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits

if TYPE_CHECKING:
    from scar.fdl.model import BatchSpec

JobSize = tuple[str, int]


def larger_sizes(batch: BatchSpec) -> tuple[JobSize, ...]:
    """Return vCPUs and MiB above the definition's own memory, smallest first.

    On Fargate for each doubling the smallest offer that has it; on instances the doublings
    themselves, as far as one of AWS's general machines goes.
    """
    steps: list[JobSize] = []
    wanted = 2 * batch.memory
    while wanted <= 2 * limits.BATCH_INSTANCE_MEMORY.maximum and len(steps) < 16:
        step = (
            _on_fargate(batch, wanted)
            if batch.compute_resources.is_fargate
            else _on_ec2(batch, wanted)
        )
        if step[1] > (steps[-1][1] if steps else batch.memory):
            steps.append(step)
        wanted *= 2
    return tuple(steps)


def _on_ec2(batch: BatchSpec, wanted: int) -> JobSize:
    return f"{batch.vcpus:g}", min(wanted, limits.BATCH_INSTANCE_MEMORY.maximum)


def _on_fargate(batch: BatchSpec, wanted: int) -> JobSize:
    """Keep the vCPUs if they can have so much memory, else take as few as can; or the most."""
    offers = sorted(
        (float(vcpus), memory, vcpus)
        for vcpus, sizes in limits.FARGATE_MEMORY.items()
        for memory in sizes
        if float(vcpus) >= batch.vcpus
    )
    for _, memory, vcpus in offers:
        if memory >= wanted:
            return vcpus, memory
    _, memory, vcpus = max(offers, key=lambda offer: (offer[1], -offer[0]))
    return vcpus, memory
