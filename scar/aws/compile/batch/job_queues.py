"""The job queues of a function, their compute environments and scheduling policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws.compile.batch.compute_environments import compile_environment
from scar.aws.model import limits, names
from scar.aws.model.resources import JobQueue, SchedulingPolicy

if TYPE_CHECKING:
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.aws.model.resources import ComputeEnvironment, Pairs
    from scar.fdl.model import BatchSpec

# A job at the head of its queue blocks the jobs behind it, for ever if nothing can run it. Such a
# job is cancelled after the shortest time that Batch allows. Not for lack of capacity, unless the
# FDL has a limit for it: that ends by itself, and the jobs behind wait for the same instances.
_BLOCKING_REASONS = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
_NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"


def _cancel_after(seconds: int, reason: str) -> Pairs:
    return (
        ("action", "CANCEL"),
        ("maxTimeSeconds", str(seconds)),
        ("reason", reason),
        ("state", "RUNNABLE"),
    )


_TIME_LIMITS = tuple(
    _cancel_after(limits.BATCH_STATE_SECONDS.minimum, reason) for reason in _BLOCKING_REASONS
)


@dataclass(frozen=True, slots=True)
class CompiledQueue:
    """A job queue, the compute environments that it uses, and its policy if it has one."""

    queue: JobQueue
    environments: tuple[ComputeEnvironment, ...]
    policy: SchedulingPolicy | None


def job_queue_name(function: Function, account: Account, network: VpcNetwork | None) -> str:
    """Return the name of the function's job queue, existing or not; empty without Batch."""
    compiled = compile_queues(function, account, network)
    return compiled[0].queue.name if compiled else ""


def other_queue_names(
    function: Function, account: Account, network: VpcNetwork | None
) -> tuple[str, ...]:
    """Return the names of the queues that the function's preset has besides the function's own."""
    return tuple(c.queue.name for c in compile_queues(function, account, network)[1:])


def compile_queues(
    function: Function, account: Account, network: VpcNetwork | None
) -> tuple[CompiledQueue, ...]:
    """Return the job queue of the function's jobs, then the others of its preset."""
    batch = function.batch
    if batch is None:
        return ()
    policy = _compile_policy(batch)
    arn = account.arn("batch", f"scheduling-policy/{policy.name}") if policy else ""
    compiled = []
    for spec in batch.queues:
        environments = tuple(
            compile_environment(function, compute, account, network)
            for compute in spec.environments
        )
        queue = JobQueue(
            name="",
            environments=tuple(environment.name for environment in environments),
            priority=spec.priority,
            time_limits=_time_limits(batch),
            scheduling_policy=arn,
            tags=function.tags,
        )
        compiled.append(CompiledQueue(_named(queue), environments, policy))
    return tuple(compiled)


def _named(queue: JobQueue) -> JobQueue:
    """Return the queue with its name: a digest of the rest.

    Tags are in the names of the environments. A queue as all were at first, with one environment
    and no choice, has that one's name: it keeps it, because functions and jobs name their queue.
    """
    plain = JobQueue(
        name="",
        environments=queue.environments[:1],
        time_limits=_TIME_LIMITS,
        tags=queue.tags,
    )
    if queue == plain:
        return replace(queue, name=queue.environments[0])
    content = {
        "environments": queue.environments,
        "priority": queue.priority,
        "time_limits": queue.time_limits,
        "scheduling_policy": queue.scheduling_policy.rpartition("/")[2],
    }
    return replace(queue, name=names.shared_resource_name(content))


def _time_limits(batch: BatchSpec) -> tuple[Pairs, ...]:
    """Return what Batch does with jobs that block the queue, in its format, sorted."""
    seconds = batch.compute_resources.wait_limit
    own = (_cancel_after(seconds, _NO_CAPACITY),) if seconds else ()
    return tuple(sorted((*own, *_TIME_LIMITS)))


def _compile_policy(batch: BatchSpec) -> SchedulingPolicy | None:
    """Return the policy of a queue with shares; a share that is not listed has the weight 1."""
    if not batch.scheduling.share:
        return None
    shares = tuple(sorted(batch.compute_resources.shares.items()))
    return SchedulingPolicy(name=names.shared_resource_name({"shares": shares}), shares=shares)
