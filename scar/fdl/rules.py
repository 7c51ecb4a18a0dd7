"""What concerns several keys or several functions of an FDL document. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.fdl import cycles as flows
from scar.fdl.cycles import can_trigger
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.fdl.model import AwsFunction, LambdaSpec, StorageProviders, StorageSpec
    from scar.fdl.model.batch import ComputeResourcesSpec
    from scar.fdl.problems import Location

_ECR = re.compile(r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9.-]+/.")
LocatedProblem = tuple["Location", str]


def check_rules(
    functions: Sequence[tuple[int, AwsFunction]], providers: StorageProviders
) -> Iterator[LocatedProblem]:
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
        yield from _check_function(function, place)
        yield from _check_storage(function, place, providers)
        yield from _check_across_functions(earlier, function, place)
        earlier.append(function)
    yield from _check_cycles(functions)


def _check_function(function: AwsFunction, place: Location) -> Iterator[LocatedProblem]:
    here: Location = (*place, "lambda")
    yield from _check_container_image(function.lambda_, (*here, "container"))
    if function.lambda_.init_script and function.lambda_.run_script:
        yield (*here, "run_script"), "init_script is given too; keep one of them"
    yield from _check_lambda_limits(function.lambda_, here)
    yield from _check_vpc(function.lambda_, here)
    if function.api_gateway.name:
        yield (*place, "api_gateway", "name"), "HTTP endpoints are not supported yet"
    if function.lambda_.execution_mode is not ExecutionMode.LAMBDA:
        yield from _check_batch(function, place)


def _check_container_image(spec: LambdaSpec, here: Location) -> Iterator[LocatedProblem]:
    container = spec.container
    if not container.image and container.image_file is None:
        yield here, "image or image_file is required"
    if container.create_image:
        return
    if not _ECR.match(container.image):
        yield (
            (*here, "create_image"),
            "false needs an image in ECR: <account>.dkr.ecr.<region>.amazonaws.com/<name>",
        )
    if container.image_file or spec.script or spec.extra_payload:
        yield (
            (*here, "create_image"),
            "false: image_file, init_script and extra_payload are in the image; leave them out",
        )


def _check_lambda_limits(spec: LambdaSpec, here: Location) -> Iterator[LocatedProblem]:
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
    for name in variables:
        # https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", name):
            yield (
                (*here, "environment", "Variables", name),
                (
                    "Lambda takes names of two characters or more that begin with a letter;"
                    " container.environment takes others"
                ),
            )
    size = sum(len(n.encode()) + len(v.encode()) for n, v in variables.items())
    if not limits.LAMBDA_ENVIRONMENT.allows(size):
        yield (
            (*here, "environment"),
            (
                f"{size} bytes of variables; Lambda allows {limits.LAMBDA_ENVIRONMENT.maximum}. "
                "container.environment has no such limit"
            ),
        )


def _check_vpc(spec: LambdaSpec, here: Location) -> Iterator[LocatedProblem]:
    """What a function in a VPC must have, and what only it can have."""
    if bool(spec.vpc.subnets) != bool(spec.vpc.security_group_ids):
        yield (*here, "vpc"), "needs both subnets and security_group_ids"
    if spec.file_system and not spec.vpc.subnets:
        yield (*here, "file_system"), "EFS is reached from a VPC only: give vpc"
    if spec.file_system and spec.execution_mode is not ExecutionMode.LAMBDA:
        yield (*here, "file_system"), "is mounted in Lambda only: use execution_mode lambda"


def _check_batch(function: AwsFunction, place: Location) -> Iterator[LocatedProblem]:
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
        yield from _check_fargate(function, here)
    elif batch.vcpus != int(batch.vcpus):
        yield (*here, "vcpus"), "fractions exist on Fargate only"
    if compute.user_data and (fault := _user_data_problem(compute.user_data.read_bytes())):
        yield (*here, "compute_resources", "user_data"), fault


def _user_data_problem(text: bytes) -> str:
    """Say what is wrong with what instances are to run first."""
    if not limits.EC2_USER_DATA.allows(len(text)):
        return f"{len(text)} bytes; EC2 takes {limits.EC2_USER_DATA.maximum}"
    if not text.startswith((b"#!", b"MIME-Version:", b"Content-Type:")):
        return "must be a script that begins with #!, or MIME multipart"
    return ""


def _check_fargate_disk(compute: ComputeResourcesSpec, here: Location) -> Iterator[LocatedProblem]:
    if compute.user_data:
        yield (*here, "user_data"), "Fargate has no instances to run it"
    if compute.disk and not limits.FARGATE_DISK.allows(compute.disk):
        least, most = limits.FARGATE_DISK.minimum, limits.FARGATE_DISK.maximum
        yield (*here, "disk"), f"Fargate gives {least} to {most} GiB; leave it out for 20"


def _check_fargate(function: AwsFunction, here: Location) -> Iterator[LocatedProblem]:
    batch = function.batch
    yield from _check_fargate_disk(batch.compute_resources, (*here, "compute_resources"))
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


def _check_storage(
    function: AwsFunction, place: Location, providers: StorageProviders
) -> Iterator[LocatedProblem]:
    spec = function.lambda_
    for kind, storages in (("input", spec.input), ("output", spec.output)):
        for number, storage in enumerate(storages):
            here: Location = (*place, "lambda", kind, number)
            yield from _check_storage_provider(storage, here, providers)
            if kind == "input" and storage.prefix:
                yield (*here, "prefix"), "an input has its folder as prefix"
            if kind == "input" and len(storage.suffix) > 1:
                yield (*here, "suffix"), "S3 can filter by one suffix only"
            if kind == "output" and (origin := _find_self_trigger(spec, storage)):
                yield (
                    (*here, "path"),
                    (
                        f"outputs in {storage.path} would start the function again: "
                        f"its input is {origin.path}; allow_loop: true insists"
                    ),
                )


def _check_storage_provider(
    storage: StorageSpec, here: Location, providers: StorageProviders
) -> Iterator[LocatedProblem]:
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


def _find_self_trigger(spec: LambdaSpec, output: StorageSpec) -> StorageSpec | None:
    """Find what a function's own output would start, unless that is wanted."""
    if spec.allow_loop:
        return None
    return next((origin for origin in spec.input if _triggers_input(output, origin)), None)


def _triggers_input(output: StorageSpec, origin: StorageSpec) -> bool:
    return can_trigger(
        (output.bucket, output.folder),
        output.suffix,
        (origin.bucket, origin.folder),
        "".join(origin.suffix[:1]),
    )


def _check_cycles(functions: Sequence[tuple[int, AwsFunction]]) -> Iterator[LocatedProblem]:
    """Find functions that start each other round and round; each alone is in ``_storage``."""
    specs = {f.lambda_.name: (number, f.lambda_) for number, f in functions}
    starts = {
        name: {
            other
            for other, (_, theirs) in specs.items()
            if other != name
            and any(_triggers_input(output, i) for output in spec.output for i in theirs.input)
        }
        for name, (_, spec) in specs.items()
        if not spec.allow_loop
    }
    if found := flows.find_cycle(starts):
        yield (
            ("functions", "aws", specs[found[0]][0], "lambda", "output"),
            (
                f"{' -> '.join((*found, found[0]))}: each starts the next, without end;"
                " allow_loop: true insists"
            ),
        )


def _check_across_functions(
    earlier: Sequence[AwsFunction], function: AwsFunction, place: Location
) -> Iterator[LocatedProblem]:
    spec = function.lambda_
    here: Location = (*place, "lambda")
    if any(other.lambda_.name == spec.name for other in earlier):
        yield (*here, "name"), f"there are two functions called {spec.name!r}"
    watched = [(theirs, other.lambda_.name) for other in earlier for theirs in other.lambda_.input]
    for number, mine in enumerate(spec.input):
        for theirs, name in watched:
            if _inputs_overlap(mine, theirs):
                yield (
                    (*here, "input", number, "path"),
                    f"overlaps with {theirs.path}, an input of {name}: S3 allows one function",
                )
        watched.append((mine, spec.name))


def _inputs_overlap(one: StorageSpec, other: StorageSpec) -> bool:
    """Say whether one key can match both, as S3 judges notification rules."""
    if one.bucket != other.bucket:
        return False
    nested = one.folder.startswith(other.folder) or other.folder.startswith(one.folder)
    first, second = "".join(one.suffix[:1]), "".join(other.suffix[:1])
    return nested and (first.endswith(second) or second.endswith(first))
