"""Warnings of compute resources that are valid, and cost more or start later than expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import instance_types, prices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scar.aws.model.function import Function
    from scar.fdl.model import BatchSpec, ComputeResourcesSpec

# docs: EC2, "Best practices for Amazon EC2 Spot": be flexible across instance types. With one or
# two families a single lack of capacity stops all jobs.
_FEW_FAMILIES = 3
# Up to the fourth generation, those that DescribeInstanceTypes does not count as the current
# generation, and those that EC2 has stopped to offer or to describe (p2, g3, cc2 and others).
_OBSOLETE_FAMILIES = frozenset(
    "a1 c1 c3 c4 cc2 cg1 cr1 d2 g2 g3 g3s hs1 i2 m1 m2 m3 m4 p2 r3 r4 t1".split()  # noqa: SIM905
)


def find_compute_warnings(functions: Iterable[Function], region: str) -> Iterator[str]:
    """Yield the warnings of the functions that use Batch; ``region`` is for prices."""
    for function in functions:
        batch = function.batch
        if batch is None:
            continue
        architecture, gpus = function.lambda_.architecture, batch.gpu_count
        warnings = [*_warn_of_spill(batch)]
        for environment in (e for queue in batch.queues for e in queue.environments):
            warnings += _warn_of_environment(environment, architecture, region, gpus=gpus)
        # Each once: queues of a preset have environments in common.
        yield from (f"{function.name}: {warning}" for warning in dict.fromkeys(warnings))


def _warn_of_spill(batch: BatchSpec) -> Iterator[str]:
    """Warn of a queue that spills from Spot into On-Demand Instances.

    Source: Genomics Workflows on AWS, "AWS Batch", which advises against it.
    """
    kinds = [environment.type for environment in batch.environments]
    if "SPOT" in kinds and "EC2" in kinds[kinds.index("SPOT") :]:
        yield (
            "its job queue spills from Spot into On-Demand Instances: if AWS has no Spot capacity,"
            " jobs can stay RUNNABLE although On-Demand Instances are free. Put the On-Demand"
            " environment first, or use `preset: dual`."
        )


def _warn_of_environment(
    compute: ComputeResourcesSpec, architecture: str, region: str, *, gpus: int
) -> Iterator[str]:
    if compute.is_fargate:
        return
    names = compute.instance_types or instance_types.default_instance_types(architecture, gpus=gpus)
    families = _families(names)
    if compute.type == "SPOT" and len(families) < _FEW_FAMILIES:
        yield (
            f"Spot Instances of {' and '.join(families)} only: jobs wait, or are interrupted, when"
            f" AWS has no capacity of these. Name {_FEW_FAMILIES} families or more in"
            " instance_types."
        )
    for name in compute.instance_types:
        if name.partition(".")[0] in _OBSOLETE_FAMILIES:
            yield (
                f"{name} is an instance type of a previous generation, which newer Regions and"
                " Availability Zones do not offer, and some no Region: jobs may stay RUNNABLE."
            )
    if compute.min_v_cpus:
        yield _describe_standing_cost(compute, region)


def _families(names: Sequence[str]) -> list[str]:
    """Return the families of instance types, families and groups of families, sorted."""
    return sorted(
        {
            family
            for name in names
            for family in instance_types.FAMILY_GROUPS.get(name, (name.partition(".")[0],))
        }
    )


def _describe_standing_cost(compute: ComputeResourcesSpec, region: str) -> str:
    table = prices.find_prices(region)
    per_vcpu = table["instance_hour"] / prices.EXAMPLE_INSTANCE_VCPUS
    cost = 24 * per_vcpu * compute.min_v_cpus
    most = "at most about" if compute.type == "SPOT" else "about"
    return (
        f"min_v_cpus {compute.min_v_cpus} keeps instances running without jobs: {most}"
        f" {cost:.2f} USD a day (On-Demand price of {prices.EXAMPLE_INSTANCE}, {table.region})."
    )
