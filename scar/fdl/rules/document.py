"""Rules that concern several keys or several functions of an FDL document."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.fdl.rules.endpoints import check_endpoint
from scar.fdl.rules.environment import check_variables
from scar.fdl.rules.loops import check_cycles
from scar.fdl.rules.storage import check_storage
from scar.fdl.rules.tags import check_tags
from scar.fdl.values.policy_files import read_policy
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from scar.fdl.model import AwsFunction, LambdaSpec, StorageProviders, StorageSpec
    from scar.fdl.problems import Location

_ECR = re.compile(r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9.-]+/.")
LocatedProblem = tuple["Location", str]


@dataclass(slots=True)
class _EarlierFunctions:
    """The names of the functions so far, and their inputs by store and bucket."""

    names: set[str] = field(default_factory=set)
    inputs: defaultdict[tuple[str, str], list[tuple[StorageSpec, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def check_rules(
    functions: Sequence[tuple[int, AwsFunction]],
    providers: StorageProviders,
    with_batch: Collection[int] = (),
) -> Iterator[LocatedProblem]:
    """Yield the location and message of each broken rule.

    ``functions`` have their number in the file, so that invalid ones can be left out.
    ``with_batch`` are the numbers of those whose section `batch` is checked in any execution mode:
    the file has it, not a configuration for all functions.
    """
    earlier = _EarlierFunctions()
    for number, function in functions:
        location: Location = ("functions", "aws", number)
        yield from _check_function(function, location, providers)
        if function.lambda_.execution_mode is not ExecutionMode.LAMBDA or number in with_batch:
            from scar.fdl.batch_rules import check_batch, check_nodes

            yield from check_batch(function, location)
            yield from check_nodes(function, location)
        yield from check_storage(function, location, providers)
        yield from _check_across_functions(earlier, function, location, providers)
    yield from check_cycles(functions, providers)


def _check_function(
    function: AwsFunction, location: Location, providers: StorageProviders
) -> Iterator[LocatedProblem]:
    section: Location = (*location, "lambda")
    yield from _check_container_image(function.lambda_, (*section, "container"))
    if function.lambda_.run_script and not function.lambda_.allow_script:
        yield (
            (*section, "run_script"),
            (
                "`scar run -f` sends it with the call, but allow_script: false refuses scripts of"
                " events. Use init_script for a script that each event runs"
            ),
        )
    yield from _check_lambda_limits(function.lambda_, section)
    yield from check_tags(function.lambda_, section, providers)
    yield from check_variables(function, location)
    yield from check_endpoint(function, location)
    yield from _check_policies(function, (*location, "iam", "policies"))
    yield from _check_vpc(function.lambda_, section)
    if not function.lambda_.enabled:
        yield (
            (*section, "enabled"),
            (
                "cannot be false: events of S3 and `scar run` reach jobs through the Lambda"
                " function. With execution_mode: batch the script runs in Batch only"
            ),
        )
    if function.batch.cluster and function.lambda_.execution_mode is not ExecutionMode.BATCH:
        yield (
            (*location, "batch", "cluster"),
            "requires execution_mode: batch: a cluster consists of Batch jobs",
        )
    if function.batch.array is not None:
        from scar.fdl.batch_rules import check_array

        yield from check_array(function, (*location, "batch", "array"), providers)


def _check_container_image(spec: LambdaSpec, section: Location) -> Iterator[LocatedProblem]:
    container = spec.container
    if not container.image and container.image_file is None:
        yield section, "image or image_file is required"
    if container.create_image:
        return
    if not _ECR.match(container.image):
        yield (
            (*section, "create_image"),
            "false needs an image in ECR: <account>.dkr.ecr.<region>.amazonaws.com/<name>",
        )
    if container.image_file or spec.extra_payload:
        yield (
            (*section, "create_image"),
            "false uses the image unchanged; omit image_file and extra_payload",
        )


def _check_lambda_limits(spec: LambdaSpec, section: Location) -> Iterator[LocatedProblem]:
    threshold = spec.container.timeout_threshold
    if spec.execution_mode is not ExecutionMode.BATCH and threshold >= spec.timeout:
        yield (
            (*section, "timeout"),
            (
                f"{spec.timeout} s leaves no time for the script: container.timeout_threshold "
                f"is {threshold} s"
            ),
        )
    yield from _check_variables(spec, section)


def _check_variables(spec: LambdaSpec, section: Location) -> Iterator[LocatedProblem]:
    variables = spec.environment.Variables
    for name in variables:
        if name in limits.LAMBDA_RESERVED_VARIABLES:
            yield (
                (*section, "environment", "Variables", name),
                "is reserved: Lambda sets it itself. container.environment sets it for scripts",
            )
            continue
        # https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", name):
            yield (
                (*section, "environment", "Variables", name),
                (
                    "Lambda requires names of two characters or more that begin with a letter;"
                    " container.environment accepts other names"
                ),
            )
    size = sum(len(n.encode()) + len(v.encode()) for n, v in variables.items())
    if not limits.LAMBDA_ENVIRONMENT.allows(size):
        yield (
            (*section, "environment"),
            (
                f"{size} bytes of variables; Lambda's limit is"
                f" {limits.LAMBDA_ENVIRONMENT.maximum}. container.environment has no such limit"
            ),
        )


def _check_policies(function: AwsFunction, section: Location) -> Iterator[LocatedProblem]:
    if not function.iam.policies:
        return
    if function.iam.role:
        yield section, "are for the roles that scar creates, but iam.role is set: add them to it"
    names = [read_policy(p)[0] for p in function.iam.policies if not p.startswith("arn:")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield section, f"two files would have the same name as a policy, {name}: rename one"
    attached = sum(policy.startswith("arn:") for policy in function.iam.policies)
    if not limits.IAM_ATTACHED_POLICIES.allows(attached):
        most = limits.IAM_ATTACHED_POLICIES.maximum
        yield section, f"{attached} managed policies; a role can have {most} at most"


def _check_vpc(spec: LambdaSpec, section: Location) -> Iterator[LocatedProblem]:
    """Check the keys that a VPC requires, and those that require a VPC."""
    if bool(spec.vpc.subnets) != bool(spec.vpc.security_group_ids):
        yield (*section, "vpc"), "needs both subnets and security_group_ids"
    if spec.file_system and not spec.vpc.subnets:
        yield (*section, "file_system"), "file systems can be reached from a VPC only: set vpc"


def _check_across_functions(
    earlier: _EarlierFunctions,
    function: AwsFunction,
    location: Location,
    providers: StorageProviders,
) -> Iterator[LocatedProblem]:
    spec = function.lambda_
    section: Location = (*location, "lambda")
    if spec.name in earlier.names:
        yield (*section, "name"), f"there are two functions called {spec.name!r}"
    earlier.names.add(spec.name)
    for number, source in enumerate(spec.input):
        watched = earlier.inputs[providers.store_of(source), source.bucket]
        for other_source, name in watched:
            if _inputs_overlap(source, other_source):
                yield (
                    (*section, "input", number, "path"),
                    (
                        f"overlaps with {other_source.path}, an input of {name}: an upload can"
                        " start only one function"
                    ),
                )
        watched.append((source, spec.name))


def _inputs_overlap(one: StorageSpec, other: StorageSpec) -> bool:
    """Return whether one key of a bucket can match both, by S3's rule for notifications."""
    nested = one.folder.startswith(other.folder) or other.folder.startswith(one.folder)
    # Longer suffixes contain shorter ones: ".tar.gz" and ".gz" match the same key.
    first, second = "".join(one.suffix[:1]), "".join(other.suffix[:1])
    return nested and (first.endswith(second) or second.endswith(first))
