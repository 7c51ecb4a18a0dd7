"""What the supervisor needs to decide about a job: sizes that can run, overrides, retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.batch.job_definitions import (
    definition_variables,
    empty_variables,
)
from scar.aws.compile.batch.job_queues import other_queue_names
from scar.aws.compile.batch.job_sizes import larger_sizes
from scar.aws.compile.batch.nodes import node_group
from scar.aws.compile.batch.retry_rules import retry_rules
from scar.aws.model import limits
from scar.aws.model.instance_types import (
    default_instance_types,
    find_instance_types,
    fitting_types,
)
from supervisor.job_model import BatchTarget, ExitRetry, JobCapacity, JobOptions, JobOverride

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.fdl.model import BatchSpec, ComputeResourcesSpec

_QUEUES = ("default", "priority")
# Of families that the table does not know; the largest instance types of EC2 have 16.
_MOST_GPUS = 16


def compile_batch_target(
    function: Function, account: Account, queue: str, network: VpcNetwork | None
) -> BatchTarget | None:
    """Return where the function's jobs are submitted and what they may be; None without Batch."""
    batch = function.batch
    if batch is None:
        return None
    overridden, batch_variables = _overridden_variables(function, batch, account)
    return BatchTarget(
        queue=queue,
        definition=function.name,
        vcpus=f"{batch.vcpus:g}",
        memory=batch.memory,
        gpus=batch.gpu_count,
        larger=larger_sizes(batch, function.lambda_.architecture),
        queues=_queues(batch, queue, other_queue_names(function, account, network)),
        nodes=node_group(batch, function.lambda_.architecture),
        share=batch.scheduling.share,
        priority=batch.scheduling.priority,
        capacity=job_capacity(batch, function.lambda_.architecture),
        overrides=tuple(
            JobOverride(
                options=JobOptions(
                    vcpus=f"{item.vcpus:g}" if item.vcpus else "",
                    memory=item.memory,
                    gpus=item.gpus,
                    timeout=item.timeout,
                ),
                prefix=item.match.prefix,
                suffix=item.match.suffix,
                min_size=item.match.min_size,
            )
            for item in batch.overrides
        ),
        retry=tuple(
            ExitRetry(
                exit_code=rule.exit_code,
                attempts=rule.attempts,
                factor=rule.factor,
                memory=rule.memory_mib,
                up_to=rule.up_to,
            )
            for rule in batch.retry
        ),
        exit_rules=tuple(dict(rule) for rule in retry_rules(batch)),
        overridden=overridden,
        batch_variables=batch_variables,
        empty_variables=empty_variables(function, batch),
    )


def _queues(batch: BatchSpec, own: str, others: Sequence[str]) -> dict[str, str]:
    """Return the queues of the function's preset by the names that the FDL has for them."""
    chosen = batch.compute_resources.queue
    names = sorted(_QUEUES, key=lambda name: name != chosen)
    return dict(zip(names, (own, *others), strict=False))


def job_capacity(batch: BatchSpec, architecture: str) -> JobCapacity:
    """Return the sizes of jobs that a compute environment of the queue can certainly run.

    On Fargate all of them; on EC2 the instance types of which no other one has more of everything.
    """
    if batch.compute_resources.is_fargate:
        most = max(environment.max_v_cpus for environment in batch.environments)
        sizes = (
            (float(vcpus), memory, 0)
            for vcpus, memories in limits.FARGATE_MEMORY.items()
            for memory in memories
            if float(vcpus) <= most
        )
        return JobCapacity(shapes=tuple(sorted(sizes)), exact=True)
    shapes = {
        shape
        for environment in batch.environments
        for shape in _instance_shapes(batch, environment, architecture)
    }
    return JobCapacity(
        shapes=tuple(sorted(s for s in shapes if not any(_exceeds(o, s) for o in shapes)))
    )


def _instance_shapes(
    batch: BatchSpec, compute: ComputeResourcesSpec, architecture: str
) -> Iterator[tuple[float, int, int]]:
    """Yield vCPUs, MiB and GPUs of the instances that an environment can start."""
    gpus = batch.gpu_count
    names = compute.instance_types or default_instance_types(architecture, gpus=gpus)
    types = find_instance_types(names)
    if types is None:
        memory = limits.BATCH_INSTANCE_MEMORY.maximum
        yield float(compute.max_v_cpus), memory, _MOST_GPUS if gpus else 0
        return
    fitting = fitting_types(types, batch.vcpus, batch.memory, gpus)
    # As for `larger_sizes`: an instance is no larger than max_v_cpus, unless the job needs it.
    most = max(compute.max_v_cpus, min((t.vcpus for t in fitting), default=0))
    for found in types:
        if found.vcpus <= most:
            vcpus = float(min(found.vcpus, compute.max_v_cpus))
            yield vcpus, found.surely_usable_memory, found.gpus if gpus else 0


def _exceeds(other: tuple[float, int, int], shape: tuple[float, int, int]) -> bool:
    return other != shape and all(a >= b for a, b in zip(other, shape, strict=True))


def _overridden_variables(
    function: Function, batch: BatchSpec, account: Account
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the container's variables that the job definition has too: lower ones, higher ones."""
    defined = dict(definition_variables(function, batch, account))
    own = function.lambda_.container.environment.Variables.keys()
    higher = batch.environment.Variables.keys()
    return (
        {name: value for name, value in defined.items() if name in own - higher},
        tuple(sorted(own & higher)),
    )
