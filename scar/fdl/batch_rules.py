"""Rules of the ``batch`` section: sizes, instance types, GPUs, Fargate, disks and user data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import instance_types, limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.model.instance_types import InstanceType
    from scar.fdl.model import AwsFunction
    from scar.fdl.model.batch import BatchSpec, ComputeResourcesSpec
    from scar.fdl.problems import Location

_GPU_FAMILIES = "g4dn, g5, g6, p4d or p5"


def check_batch(function: AwsFunction, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each broken rule of a function that uses Batch."""
    batch = function.batch
    compute = batch.compute_resources
    section: Location = (*location, "batch")
    if batch.state != "ENABLED":
        yield (*section, "state"), "must be ENABLED: a disabled compute environment runs no jobs"
    if compute.min_v_cpus > compute.max_v_cpus:
        yield (*section, "compute_resources", "min_v_cpus"), "is larger than max_v_cpus"
    if compute.desired_v_cpus:
        yield (
            (*section, "compute_resources", "desired_v_cpus"),
            (
                "cannot be chosen: AWS Batch changes it with the number of jobs. Omit it;"
                " min_v_cpus keeps instances running"
            ),
        )
    if batch.vcpus > compute.max_v_cpus:
        needed = _format_vcpus(batch.vcpus)
        yield (
            (*section, "vcpus"),
            f"a job of {needed} never fits into max_v_cpus {compute.max_v_cpus}",
        )
    if compute.type.startswith("FARGATE"):
        yield from _check_fargate(batch, section)
    else:
        yield from _check_instances(batch, function.lambda_.architecture, section)
    if compute.user_data and (problem := _user_data_problem(compute.user_data.read_bytes())):
        yield (*section, "compute_resources", "user_data"), problem


def _check_instances(
    batch: BatchSpec, architecture: str, section: Location
) -> Iterator[tuple[Location, str]]:
    """Check that Batch can start instances of the named types, and that one of them fits a job."""
    if batch.vcpus != int(batch.vcpus):
        yield (*section, "vcpus"), "fractions of a vCPU require FARGATE or FARGATE_SPOT"
    if batch.enable_gpu and architecture == "arm64":
        yield (
            (*section, "enable_gpu"),
            (
                "AWS Batch has no GPU image for Graviton instances (g5g): its image type"
                " ECS_AL2023_NVIDIA supports x86_64 only. Set lambda.architecture to x86_64;"
                f" instance types are {_GPU_FAMILIES}, for instance"
            ),
        )
        return
    names = batch.compute_resources.instance_types
    problems = [p for name in names if (p := _type_problem(name, architecture, batch.enable_gpu))]
    yield from (((*section, "compute_resources", "instance_types"), p) for p in problems)
    chosen = names or instance_types.default_instance_types(architecture, gpu=batch.enable_gpu)
    types = instance_types.find_instance_types(chosen)
    if types is None or problems:  # AWS adds families every year: unknown ones are not judged
        return
    gpus = 1 if batch.enable_gpu else 0
    if instance_types.fitting_types(types, batch.vcpus, batch.memory, gpus):
        return
    key = _misfit_key(batch, types, gpus)
    yield (*section, *key), _describe_misfit(batch, types, ", ".join(chosen), architecture)


def _type_problem(name: str, architecture: str, gpu: bool) -> str:
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
    if not instance_types.fitting_types(types, batch.vcpus, 0, gpus):
        return ("vcpus",)
    return ("memory",)


def _describe_misfit(
    batch: BatchSpec, types: Sequence[InstanceType], chosen: str, architecture: str
) -> str:
    gpus = 1 if batch.enable_gpu else 0
    what = f"{_format_vcpus(batch.vcpus)} and {batch.memory:,} MiB" + (
        " with a GPU" if gpus else ""
    )
    suggested = instance_types.suggest_type(architecture, batch.vcpus, batch.memory, gpus)
    other = f" {suggested} would fit" if suggested else " No known instance type would fit"
    with_gpu = [t for t in types if t.gpus or not gpus]
    if not with_gpu:
        return f"a job with a GPU never starts on {chosen}: these have no GPUs.{other}"
    largest = max(with_gpu, key=lambda t: (t.fits(batch.vcpus, 0, gpus), t.memory, t.vcpus))
    return (
        f"a job of {what} never starts on {chosen}: {largest.name} has {largest.vcpus} vCPUs and"
        f" {largest.memory:,} MiB, of which jobs can use about"
        f" {largest.surely_usable_memory:,} at least and {largest.most_usable_memory:,} at most."
        f"{other}"
    )


def _format_vcpus(vcpus: float) -> str:
    return "1 vCPU" if vcpus == 1 else f"{vcpus:g} vCPUs"


def _user_data_problem(text: bytes) -> str:
    """Return the problem of an instance's user data; empty if it is valid."""
    if not limits.EC2_USER_DATA.allows(len(text)):
        return f"{len(text)} bytes; EC2's limit is {limits.EC2_USER_DATA.maximum}"
    if not text.startswith((b"#!", b"MIME-Version:", b"Content-Type:")):
        return "must be a script that begins with #!, or a MIME multipart file"
    return ""


def _check_fargate_disk(
    compute: ComputeResourcesSpec, section: Location
) -> Iterator[tuple[Location, str]]:
    if compute.user_data:
        yield (*section, "user_data"), "Fargate has no instances that could run it"
    if compute.disk and not limits.FARGATE_DISK.allows(compute.disk):
        least, most = limits.FARGATE_DISK.minimum, limits.FARGATE_DISK.maximum
        yield (*section, "disk"), f"must be {least} to {most} GiB on Fargate; omit it for 20"


def _check_fargate(batch: BatchSpec, section: Location) -> Iterator[tuple[Location, str]]:
    yield from _check_fargate_disk(batch.compute_resources, (*section, "compute_resources"))
    if batch.enable_gpu:
        yield (*section, "enable_gpu"), "Fargate has no GPUs; use EC2 or SPOT"
    if batch.compute_resources.instance_types:
        yield (*section, "compute_resources", "instance_types"), "Fargate has no instance types"
    sizes = limits.FARGATE_MEMORY.get(f"{batch.vcpus:g}")
    if sizes is None:
        choices = ", ".join(limits.FARGATE_MEMORY)
        yield (*section, "vcpus"), f"must be one of {choices} on Fargate, not {batch.vcpus:g}"
    elif batch.memory not in sizes:
        nearest = min((size for size in sizes if size >= batch.memory), default=max(sizes))
        yield (
            (*section, "memory"),
            (
                f"Fargate does not support {batch.memory} MiB with {batch.vcpus:g} vCPUs; "
                f"the nearest size is {nearest}"
            ),
        )
