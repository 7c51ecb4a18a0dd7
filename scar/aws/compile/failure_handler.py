"""The failure handler: one function per account and Region that handles failed invocations.

It is the on-failure destination of other functions. Lambda sends it an invocation record when an
invocation ends without the supervisor's knowledge: out of memory, timed out, or never started. It
records the failure, and submits the run to Batch if the function's mode allows. Its image contains
the supervisor only.

It handles the functions whose roles scar creates: a custom role may lack permission to invoke it,
and Lambda rejects such a destination.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.compile import ecr_repository, policies
from scar.aws.model import names
from scar.aws.model.function import Function
from scar.aws.model.resources import (
    BatchTargetRecord,
    EcrImage,
    EventInvokeConfig,
    LambdaFunction,
    LogGroup,
    Role,
)
from supervisor.config import config_to_json
from supervisor.connections import ProviderConfig
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.resources import Architecture, Resource, ResourceKey

# MB and seconds. It reads and writes records and submits jobs, one run of an event after another.
_MEMORY, _TIMEOUT = 256, 120


def handles(function: Function) -> bool:
    """Return whether the failure handler is the function's on-failure destination."""
    return not function.iam.role


def unhandled_function_notes(functions: Iterable[Function]) -> Iterator[str]:
    """Report functions with Batch whose failed invocations are not submitted to Batch."""
    for function in functions:
        if function.lambda_.execution_mode is ExecutionMode.LAMBDA_BATCH and not handles(function):
            yield (
                f"invocations of {function.name} that Lambda terminates (out of memory, timeout) do"
                " not continue in Batch: its iam.role is a custom role, so"
                f" {names.FAILURE_HANDLER} is not its on-failure destination"
            )


def boundary_notes(functions: Iterable[Function]) -> Iterator[str]:
    """Report the failure handler's permissions boundary if its functions have different ones."""
    handled = [f for f in functions if handles(f)]
    if len({f.iam.permissions_boundary for f in handled}) > 1:
        yield (
            f"{names.FAILURE_HANDLER} handles failed invocations of functions with different"
            f" permissions boundaries; its role has that of {handled[0].name}"
        )


def handler_function(functions: Iterable[Function]) -> Function | None:
    """Return the failure handler of these functions, None if it handles none of them.

    Architecture and permissions boundary are those of the first function that it handles.
    """
    first = next((f for f in functions if handles(f)), None)
    if first is None:
        return None
    # Imported here to keep pydantic, slow to import, out of commands without an FDL file: these
    # have no functions and return above.
    from scar.fdl.model import CloudWatchSpec, EcrSpec, IamSpec, LambdaSpec
    from supervisor.runs.waiting import FAILURE_HANDLER_RETRIES

    return Function(
        lambda_=LambdaSpec(
            name=names.FAILURE_HANDLER,
            architecture=first.lambda_.architecture,
            memory=_MEMORY,
            timeout=_TIMEOUT,
            # Lambda's maximum: a job that could not be submitted, for example because of
            # throttling, may be accepted a minute later. It has no failure handler of its own.
            retries=FAILURE_HANDLER_RETRIES,
            description="Handles failed invocations of scar functions.",
        ),
        iam=IamSpec(permissions_boundary=first.iam.permissions_boundary),
        cloudwatch=CloudWatchSpec(),
        ecr=EcrSpec(),
        batch=None,
    )


def handler_config(account: Account, image: ImageDefaults) -> FunctionConfig:
    """Return the content of the failure handler's ``function.json``."""
    return FunctionConfig(
        name=names.FAILURE_HANDLER,
        mode=ExecutionMode.LAMBDA,
        state_bucket=names.state_bucket_name(account),
        image=image,
        memory=_MEMORY,
        is_failure_handler=True,
    )


def handler_arn(account: Account) -> str:
    return account.arn("lambda", f"function:{names.FAILURE_HANDLER}")


def compile_handler(function: Function, account: Account, digest: str) -> Iterator[Resource]:
    """Compile the failure handler: a function without triggers, Batch and environment."""
    role = names.role_name(function.name, account.region, "lambda")
    yield LogGroup(
        name=names.lambda_log_group(function.name),
        retention_days=function.cloudwatch.log_retention_policy_in_days,
    )
    yield ecr_repository.compile_repository(function, account)
    yield EcrImage(name=function.repository, digest=digest)
    yield Role(
        name=role,
        trust=policies.trust_policy("lambda", account),
        policy=policies.failure_handler_role(account, function.name),
        boundary=function.iam.permissions_boundary,
    )
    yield LambdaFunction(
        name=function.name,
        role_arn=account.iam_arn(f"role/scar/{role}"),
        image=names.image_uri(account, function.repository, digest),
        memory=function.lambda_.memory,
        timeout=function.lambda_.timeout,
        architecture=function.lambda_.architecture,
        description=function.lambda_.description,
        tags=((names.FUNCTION_TAG, function.name),),
        log_group=names.lambda_log_group(function.name),
    )
    yield EventInvokeConfig(name=function.name, retries=function.lambda_.retries)


def batch_target_record(config: FunctionConfig, account: Account) -> BatchTargetRecord:
    """Return the record of a function's job queue, job definition, input and output folders.

    The failure handler reads where to submit jobs and which objects start the function; other
    deployments read the outputs, to find loops.
    """
    # Only these fields: the record is readable by the handler and must not contain the variables
    # of the function, which may be secrets.
    return BatchTargetRecord(
        name=config.name,
        bucket=names.state_bucket_name(account),
        text=config_to_json(
            FunctionConfig(
                name=config.name,
                mode=config.mode,
                state_bucket=config.state_bucket,
                memory=config.memory,
                batch=config.batch,
                encryption=config.encryption,
                inputs=config.inputs,
                outputs=config.outputs,
                allow_loop=config.allow_loop,
                # By name: which inputs and outputs are not in the account's S3.
                providers=tuple(ProviderConfig(name=p.name) for p in config.providers),
            )
        ),
    )


def keep_existing_handler(
    desired: Sequence[Resource], observed: Mapping[ResourceKey, Resource]
) -> tuple[Resource, ...]:
    """Return the desired resources without changes to the handler's architecture and boundary.

    All functions of the account share it. If it followed the functions of the current deployment,
    each deployment of functions with other settings would change it back.
    """
    existing = next(
        (
            r
            for r in observed.values()
            if isinstance(r, LambdaFunction) and r.name == names.FAILURE_HANDLER
        ),
        None,
    )
    role = next((r for r in observed.values() if _is_handler_role(r)), None)
    # With another architecture, function and image are left out altogether: the image built for
    # this deployment would not run, and what is not in the plan stays as it is.
    return tuple(
        replace(r, boundary=role.boundary)
        if isinstance(r, Role) and isinstance(role, Role) and _is_handler_role(r)
        else r
        for r in desired
        if not (existing and _is_other_architecture(r, existing.architecture, desired))
    )


def _is_other_architecture(
    resource: Resource, architecture: Architecture, desired: Sequence[Resource]
) -> bool:
    """Return whether this is the handler or its image, desired for another architecture."""
    is_handler = isinstance(resource, LambdaFunction | EcrImage) and resource.name in (
        names.FAILURE_HANDLER,
        names.repository_name(names.FAILURE_HANDLER),
    )
    return is_handler and any(
        isinstance(r, LambdaFunction)
        and r.name == names.FAILURE_HANDLER
        and r.architecture != architecture
        for r in desired
    )


def _is_handler_role(resource: Resource) -> bool:
    return isinstance(resource, Role) and resource.name.startswith(f"{names.FAILURE_HANDLER}-")
