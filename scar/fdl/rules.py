"""What concerns several keys or several functions of an FDL document. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws import limits
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.fdl.faults import Location
    from scar.fdl.model import AwsFunction, Container, Lambda, Storage, StorageProviders

Broken = tuple["Location", str]


def broken(
    functions: Sequence[tuple[int, AwsFunction]], providers: StorageProviders
) -> Iterator[Broken]:
    """Yield each broken rule: where, and what is wrong.

    ``functions`` come with their number in the file: those that are wrong in themselves may be
    left out, so that the others' faults are told too.
    """
    for kind in ("minio", "onedata", "webdav"):
        if getattr(providers, kind) is not None:
            yield ("storage_providers", kind), f"{kind} is not supported yet; only s3 is"
    earlier: list[AwsFunction] = []
    for number, function in functions:
        place: Location = ("functions", "aws", number)
        yield from _alone(function, place)
        yield from _storage(function, place, providers)
        yield from _together(earlier, function, place)
        earlier.append(function)


def _alone(function: AwsFunction, place: Location) -> Iterator[Broken]:
    here: Location = (*place, "lambda")
    yield from _image(function.lambda_.container, (*here, "container"))
    if function.lambda_.init_script and function.lambda_.run_script:
        yield (*here, "run_script"), "init_script is given too; keep one of them"
    yield from _sizes(function.lambda_, here)
    if function.api_gateway.name:
        yield (*place, "api_gateway", "name"), "HTTP endpoints are not supported yet"
    if function.lambda_.execution_mode is not ExecutionMode.LAMBDA:
        yield from _batch(function, place)


def _image(container: Container, here: Location) -> Iterator[Broken]:
    if not container.image and container.image_file is None:
        yield here, "image or image_file is required"
    if not container.create_image:
        yield (*here, "create_image"), "only `true` can be used now"


def _sizes(spec: Lambda, here: Location) -> Iterator[Broken]:
    threshold = spec.container.timeout_threshold
    if spec.execution_mode is not ExecutionMode.BATCH and threshold >= spec.timeout:
        yield (
            (*here, "timeout"),
            (
                f"{spec.timeout} s leave no time for the script: container.timeout_threshold "
                f"is {threshold} s"
            ),
        )
    variables = spec.environment.Variables
    size = sum(len(n.encode()) + len(v.encode()) for n, v in variables.items())
    if not limits.LAMBDA_ENVIRONMENT.allows(size):
        yield (
            (*here, "environment"),
            (
                f"{size} bytes of variables; Lambda allows {limits.LAMBDA_ENVIRONMENT.most}. "
                "container.environment has no such limit"
            ),
        )


def _batch(function: AwsFunction, place: Location) -> Iterator[Broken]:
    batch = function.batch
    compute = batch.compute_resources
    here: Location = (*place, "batch")
    if batch.state != "ENABLED":
        yield (*here, "state"), "must be ENABLED: a disabled environment runs nothing"
    if compute.min_v_cpus > compute.max_v_cpus:
        yield (*here, "compute_resources", "min_v_cpus"), "is more than max_v_cpus"
    if batch.vcpus > compute.max_v_cpus:
        yield (
            (*here, "vcpus"),
            f"a job of {batch.vcpus:g} vCPUs never fits into max_v_cpus {compute.max_v_cpus}",
        )
    if compute.type.startswith("FARGATE"):
        yield from _fargate(function, here)
    elif batch.vcpus != int(batch.vcpus):
        yield (*here, "vcpus"), "fractions exist on Fargate only"


def _fargate(function: AwsFunction, here: Location) -> Iterator[Broken]:
    batch = function.batch
    if batch.enable_gpu:
        yield (*here, "enable_gpu"), "Fargate has no GPUs; use EC2 or SPOT"
    if batch.compute_resources.instance_types:
        yield (*here, "compute_resources", "instance_types"), "Fargate has no instance types"
    sizes = limits.FARGATE_MEMORY.get(f"{batch.vcpus:g}")
    if sizes is None:
        choices = ", ".join(limits.FARGATE_MEMORY)
        yield (*here, "vcpus"), f"Fargate has {choices} vCPUs, not {batch.vcpus:g}"
    elif batch.memory not in sizes:
        nearest = min((size for size in sizes if size >= batch.memory), default=max(sizes))
        yield (
            (*here, "memory"),
            (
                f"Fargate gives {batch.vcpus:g} vCPUs no {batch.memory} MiB; "
                f"the nearest size is {nearest}"
            ),
        )


def _storage(
    function: AwsFunction, place: Location, providers: StorageProviders
) -> Iterator[Broken]:
    spec = function.lambda_
    for kind, storages in (("input", spec.input), ("output", spec.output)):
        for number, storage in enumerate(storages):
            here: Location = (*place, "lambda", kind, number)
            yield from _provider(storage, here, providers)
            if kind == "input" and storage.prefix:
                yield (*here, "prefix"), "an input has its folder as prefix"
            if kind == "input" and len(storage.suffix) > 1:
                yield (*here, "suffix"), "S3 can filter by one suffix only"
            if kind == "output" and (origin := _trigger(spec.input, storage)):
                yield (
                    (*here, "path"),
                    (
                        f"outputs in {storage.path} would start the function again: "
                        f"its input is {origin.path}"
                    ),
                )


def _provider(storage: Storage, here: Location, providers: StorageProviders) -> Iterator[Broken]:
    kind, _, name = storage.storage_provider.partition(".")
    if kind != "s3":
        yield (
            (*here, "storage_provider"),
            f"{storage.storage_provider!r} is not supported yet; only s3 is",
        )
    elif name and name not in providers.s3:
        yield (*here, "storage_provider"), f"storage_providers.s3 has no {name!r}"
    elif name and providers.s3[name].access_key:
        yield (
            (*here, "storage_provider"),
            "accounts with keys of their own are not supported yet: runs use the function's role",
        )


def _trigger(inputs: tuple[Storage, ...], output: Storage) -> Storage | None:
    for origin in inputs:
        if origin.bucket == output.bucket and output.folder.startswith(origin.folder):
            return origin
    return None


def _together(
    earlier: Sequence[AwsFunction], function: AwsFunction, place: Location
) -> Iterator[Broken]:
    spec = function.lambda_
    here: Location = (*place, "lambda")
    if any(other.lambda_.name == spec.name for other in earlier):
        yield (*here, "name"), f"there are two functions called {spec.name!r}"
    watched = [(theirs, other.lambda_.name) for other in earlier for theirs in other.lambda_.input]
    for number, mine in enumerate(spec.input):
        for theirs, name in watched:
            if _overlap(mine, theirs):
                yield (
                    (*here, "input", number, "path"),
                    f"overlaps with {theirs.path}, an input of {name}: S3 allows one function",
                )
        watched.append((mine, spec.name))


def _overlap(one: Storage, other: Storage) -> bool:
    """Say whether one key can match both, as S3 judges notification rules."""
    if one.bucket != other.bucket:
        return False
    nested = one.folder.startswith(other.folder) or other.folder.startswith(one.folder)
    first, second = "".join(one.suffix[:1]), "".join(other.suffix[:1])
    return nested and (first.endswith(second) or second.endswith(first))
