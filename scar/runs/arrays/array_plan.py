"""Divide events into arrays, and estimate what they cost at most: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from scar.aws.model import prices
from scar.aws.model.costs import GETS_PER_RUN, PUTS_IN_BATCH, Workload, estimate_fargate
from supervisor.batch.array_manifest import MAX_CHILDREN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.model.prices import RegionPrices
    from supervisor.model import JobOptions

T = TypeVar("T")
_MB_OF_AGENT = 512  # of an instance's memory; a job cannot use it
_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildResources:
    """What a child may use: vCPUs, MiB, GPUs, seconds of one attempt, Fargate or EC2."""

    vcpus: float
    memory: int
    gpus: int
    timeout: int
    is_fargate: bool

    def with_options(self, options: JobOptions) -> ChildResources:
        """Return what a child may use that requests these options."""
        return replace(
            self,
            vcpus=float(options.vcpus or self.vcpus),
            memory=options.memory or self.memory,
            gpus=options.gpus or self.gpus,
            timeout=options.timeout or self.timeout,
        )


def divide(events: Sequence[T], most: int = MAX_CHILDREN) -> Iterator[Sequence[T]]:
    """Yield the events of each array: as few arrays as possible, and none of a single event.

    Their sizes differ by one at most: 10,001 files are not 10,000 and a single one.
    """
    number = -(-len(events) // most)
    rest = iter(events)
    for place in range(number):
        yield list(islice(rest, len(events) // number + (place < len(events) % number)))


def estimate_most(children: int, resources: ChildResources, at: RegionPrices) -> float | None:
    """Return an upper bound in USD: every child runs until its timeout, once.

    On EC2 at the On-Demand price of the example instance, for the part of it that a job occupies.
    None for jobs with GPUs, whose instances have no price in the table, or without a timeout.
    """
    if resources.gpus or not resources.timeout:
        return None
    load = Workload(
        runs=children,
        run_seconds=resources.timeout,
        memory_mb=resources.memory,
        vcpus=resources.vcpus,
    )
    if resources.is_fargate:
        return estimate_fargate(load, at).total
    part = max(
        resources.vcpus / prices.EXAMPLE_INSTANCE_VCPUS,
        resources.memory / (prices.EXAMPLE_INSTANCE_MB - _MB_OF_AGENT),
    )
    requests = children * (PUTS_IN_BATCH * at["s3_put"] + 2 * GETS_PER_RUN * at["s3_get"])
    return children * resources.timeout / _HOUR * part * at["instance_hour"] + requests
