"""Divide events into arrays, and estimate what they cost at most: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from scar.aws.model import prices
from scar.aws.model.costs import GETS_PER_RUN, PUTS_IN_BATCH, Workload, estimate_fargate
from supervisor.batch.array_manifest import MAX_CHILDREN
from supervisor.batch.resubmission import plan_next_job
from supervisor.invocation import RunJob, RunOwner
from supervisor.job_model import JobOptions
from supervisor.model import ComputeService

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.model.prices import RegionPrices
    from supervisor.job_model import BatchTarget

T = TypeVar("T")
_MB_OF_AGENT = 512  # of an instance's memory; a job cannot use it
_HOUR = 3600.0
# Who submits the next job does not matter for its size.
_OWNER = RunOwner(site=ComputeService.BATCH, request="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildResources:
    """What a job may use: vCPUs, MiB, GPUs, seconds of one attempt, attempts, Fargate or EC2."""

    vcpus: float
    memory: int
    gpus: int
    timeout: int
    is_fargate: bool
    attempts: int = 1

    def with_options(self, options: JobOptions) -> ChildResources:
        """Return what a job may use that requests these options."""
        return replace(
            self,
            vcpus=float(options.vcpus or self.vcpus),
            memory=options.memory or self.memory,
            gpus=options.gpus or self.gpus,
            timeout=options.timeout or self.timeout,
            attempts=options.attempts or self.attempts,
        )


def divide(events: Sequence[T], most: int = MAX_CHILDREN) -> Iterator[Sequence[T]]:
    """Yield the events of each array: as few arrays as possible, and none of a single event.

    Their sizes differ by one at most: 10,001 files are not 10,000 and a single one.
    """
    number = -(-len(events) // most)
    rest = iter(events)
    for place in range(number):
        yield list(islice(rest, len(events) // number + (place < len(events) % number)))


def plan_jobs(target: BatchTarget, options: JobOptions) -> list[JobOptions]:
    """Return what the jobs of one run request at most: more than one with ``batch.retry``.

    The script's exit statuses are not known: each job has the most memory that any rule gives it,
    and a rule that gives no more may still continue a run that other rules have given less.
    """
    jobs = [options]
    most = max((rule.attempts for rule in target.retry), default=1)
    while len(jobs) < most:
        job = RunJob(options=jobs[-1], number=len(jobs))
        planned = (plan_next_job(target, rule, job, _OWNER) for rule in target.retry)
        larger = [one.options for one in planned if isinstance(one, RunJob)]
        if not larger and len(target.retry) == 1:
            break
        jobs.append(max([jobs[-1], *larger], key=lambda one: one.memory))
    return jobs


def estimate_most(
    children: int,
    resources: ChildResources,
    at: RegionPrices,
    jobs: Sequence[JobOptions] = (JobOptions(),),
) -> float | None:
    """Return an upper bound in USD: each attempt of each job of every child runs until its timeout.

    ``jobs`` are those of a child, as ``plan_jobs`` returns them. On EC2 at the On-Demand price of
    the example instance, for the part of it that a job occupies. None for jobs with GPUs, whose
    instances have no price in the table, or without a timeout.
    """
    costs = [_estimate_job(children, resources.with_options(options), at) for options in jobs]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _estimate_job(children: int, resources: ChildResources, at: RegionPrices) -> float | None:
    if resources.gpus or not resources.timeout:
        return None
    attempts = children * resources.attempts
    load = Workload(
        runs=attempts,
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
    requests = attempts * (PUTS_IN_BATCH * at["s3_put"] + 2 * GETS_PER_RUN * at["s3_get"])
    return attempts * resources.timeout / _HOUR * part * at["instance_hour"] + requests
