"""Rules of jobs on EC2 instances: instance types, GPUs and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import instance_types
from scar.fdl.batch_rules.disks import check_volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.model.instance_types import InstanceType
    from scar.fdl.model.batch import BatchSpec, ComputeResourcesSpec
    from scar.fdl.problems import Location

_GPU_FAMILIES = "g4dn, g5, g6, p4d or p5"


def check_instances(
    batch: BatchSpec,
    architecture: str,
    section: Location,
    environments: Sequence[tuple[Location, ComputeResourcesSpec]],
) -> Iterator[tuple[Location, str]]:
    """Check that Batch can start instances of the named types, and that one of them fits a job.

    ``environments`` are the compute environments with their locations.
    """
    if batch.vcpus != int(batch.vcpus):
        yield (*section, "vcpus"), "fractions of a vCPU require FARGATE or FARGATE_SPOT"
    gpus = batch.gpu_count
    if gpus and architecture == "arm64":
        yield (
            (*section, batch.gpu_key),
            (
                "AWS Batch has no GPU image for Graviton instances (g5g): its image type"
                " ECS_AL2023_NVIDIA supports x86_64 only. Set lambda.architecture to x86_64;"
                f" instance types are {_GPU_FAMILIES}, for instance"
            ),
        )
        return
    problems = {
        ((*location, "instance_types"), problem): None
        for location, environment in environments
        for name in environment.instance_types
        if (problem := _type_problem(name, architecture, gpu=gpus > 0))
    }
    yield from problems
    default = instance_types.default_instance_types(architecture, gpus=gpus)
    chosen = tuple(
        dict.fromkeys(name for _, e in environments for name in e.instance_types or default)
    )
    yield from check_volume(
        batch.compute_resources, architecture, chosen, (*section, "compute_resources")
    )
    types = instance_types.find_instance_types(chosen)
    if types is None or problems:  # AWS adds families every year: unknown ones are not judged
        return
    if instance_types.fitting_types(types, batch.vcpus, batch.memory, gpus):
        return
    key = _misfit_key(batch, types, gpus)
    yield (*section, *key), _describe_misfit(batch, types, ", ".join(chosen), architecture)


def _type_problem(name: str, architecture: str, *, gpu: bool) -> str:
    """Return why Batch cannot run the jobs on an instance type or family; empty if it can."""
    actual = instance_types.known_architecture(name)
    if actual and actual != architecture:
        return (
            f"{name} is {actual}, but lambda.architecture is {architecture}: the function's image"
            " would not start on it"
        )
    if name.partition(".")[0] == "a1":
        return "a1 is not supported by Amazon Linux 2023, which instances run: use m6g or t4g"
    if gpu and (reason := instance_types.unsupported_gpu(name)):
        return (
            f"{name} is not supported by AWS Batch's GPU image, ECS_AL2023_NVIDIA: {reason}. Use"
            f" {_GPU_FAMILIES}, for instance"
        )
    return ""


def _misfit_key(batch: BatchSpec, types: Sequence[InstanceType], gpus: int) -> tuple[str, ...]:
    """Return the key to change so that the job fits: the one that no instance type satisfies."""
    if gpus and not any(t.gpus for t in types):
        return ("compute_resources", "instance_types")
    if not any(t.gpus >= gpus for t in types):
        return ("gpus",)
    if not instance_types.fitting_types(types, batch.vcpus, 0, gpus):
        return ("vcpus",)
    return ("memory",)


def _describe_misfit(
    batch: BatchSpec, types: Sequence[InstanceType], chosen: str, architecture: str
) -> str:
    gpus = batch.gpu_count
    with_gpus = f" with {_format_gpus(gpus)}" if gpus else ""
    what = f"{format_vcpus(batch.vcpus)} and {batch.memory:,} MiB{with_gpus}"
    suggested = instance_types.suggest_type(architecture, batch.vcpus, batch.memory, gpus)
    other = f" {suggested} would fit" if suggested else " No known instance type would fit"
    with_gpu = [t for t in types if t.gpus or not gpus]
    if not with_gpu:
        return (
            f"a job with {_format_gpus(gpus)} never starts on {chosen}: these have no GPUs.{other}"
        )
    most = max(with_gpu, key=lambda t: t.gpus)
    if most.gpus < gpus:
        return (
            f"a job with {_format_gpus(gpus)} never starts on {chosen}: {most.name} has"
            f" {_format_gpus(most.gpus)}.{other}"
        )
    largest = max(with_gpu, key=lambda t: (t.fits(batch.vcpus, 0, gpus), t.memory, t.vcpus))
    return (
        f"a job of {what} never starts on {chosen}: {largest.name} has"
        f" {format_vcpus(largest.vcpus)} and {largest.memory:,} MiB, of which jobs can use about"
        f" {largest.surely_usable_memory:,} at least and {largest.most_usable_memory:,} at most."
        f"{other}"
    )


def _format_gpus(gpus: int) -> str:
    return "a GPU" if gpus == 1 else f"{gpus} GPUs"


def format_vcpus(vcpus: float) -> str:
    return "1 vCPU" if vcpus == 1 else f"{vcpus:g} vCPUs"
