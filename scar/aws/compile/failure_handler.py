"""The one function of an account and Region that takes the events other functions lost. Pure.

Lambda sends it what ended without a word: sandboxes killed, out of time or never started. Its
image is the supervisor alone. It serves the functions whose roles scar makes: a role of the
user's own may not be allowed to invoke it, and Lambda refuses such a destination.
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
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.resources import Architecture, Resource, ResourceKey

# MB and seconds: it reads and writes records and submits jobs, the runs of one event in turn.
_MEMORY, _TIMEOUT = 256, 120
# Lambda's own: a failure to submit a job may pass.
_RETRIES = 2


def handles(function: Function) -> bool:
    """Say whether the function's lost events go there."""
    return not function.iam.role


def unhandled_function_notes(functions: Iterable[Function]) -> Iterator[str]:
    """Say which functions that could go on in Batch are not helped when Lambda kills them."""
    for function in functions:
        if function.lambda_.execution_mode is ExecutionMode.LAMBDA_BATCH and not handles(function):
            yield (
                f"what Lambda kills of {function.name} does not go on in Batch: its iam.role is"
                f" yours, so {names.FAILURE_HANDLER} does not hear of it"
            )


def boundary_notes(functions: Iterable[Function]) -> Iterator[str]:
    """Say under which boundary the delegate is, if the functions it serves do not agree."""
    served = [f for f in functions if handles(f)]
    if len({f.iam.permissions_boundary for f in served}) > 1:
        yield (
            f"{names.FAILURE_HANDLER} serves functions under several permissions boundaries; it"
            " is made"
            f" under that of {served[0].name}"
        )


def handler_function(functions: Iterable[Function]) -> Function | None:
    """Describe the delegate of these functions, None if none of them has one."""
    first = next((f for f in functions if handles(f)), None)
    if first is None:
        return None
    # With a function of an FDL document at hand, pydantic is loaded already; rm has none.
    from scar.fdl.model import CloudWatchSpec, EcrSpec, IamSpec, LambdaSpec

    return Function(
        lambda_=LambdaSpec(
            name=names.FAILURE_HANDLER,
            architecture=first.lambda_.architecture,
            memory=_MEMORY,
            timeout=_TIMEOUT,
            retries=_RETRIES,
            description="Takes the events that functions of scar's lost.",
        ),
        iam=IamSpec(permissions_boundary=first.iam.permissions_boundary),
        cloudwatch=CloudWatchSpec(),
        ecr=EcrSpec(),
        batch=None,
    )


def handler_config(account: Account, image: ImageDefaults) -> FunctionConfig:
    """Say what the deployed delegate must know of itself."""
    return FunctionConfig(
        name=names.FAILURE_HANDLER,
        mode=ExecutionMode.LAMBDA,
        state_bucket=names.state_bucket_name(account),
        image=image,
        memory=_MEMORY,
        delegate=True,
    )


def handler_arn(account: Account) -> str:
    return account.arn("lambda", f"function:{names.FAILURE_HANDLER}")


def compile_handler(function: Function, account: Account, digest: str) -> Iterator[Resource]:
    """Compile the delegate: a function that nothing but Lambda's destinations start."""
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
    """Say what the delegate must know of a function: where its runs may go on, no secrets."""
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
            )
        ),
    )


def keep_existing_handler(
    wanted: Sequence[Resource], observed: Mapping[ResourceKey, Resource]
) -> tuple[Resource, ...]:
    """Leave a delegate of another architecture, or under another boundary, as it is.

    Functions of both share it: each deployment would change it again.
    """
    found = next(
        (
            r
            for r in observed.values()
            if isinstance(r, LambdaFunction) and r.name == names.FAILURE_HANDLER
        ),
        None,
    )
    role = next((r for r in observed.values() if _is_handler_role(r)), None)
    return tuple(
        replace(r, boundary=role.boundary)
        if isinstance(r, Role) and isinstance(role, Role) and _is_handler_role(r)
        else r
        for r in wanted
        if not (found and _is_other_architecture(r, found.architecture, wanted))
    )


def _is_other_architecture(
    resource: Resource, architecture: Architecture, wanted: Sequence[Resource]
) -> bool:
    """Say whether this is the delegate or its image, for another architecture than is there."""
    mine = isinstance(resource, LambdaFunction | EcrImage) and resource.name in (
        names.FAILURE_HANDLER,
        names.repository_name(names.FAILURE_HANDLER),
    )
    return mine and any(
        isinstance(r, LambdaFunction)
        and r.name == names.FAILURE_HANDLER
        and r.architecture != architecture
        for r in wanted
    )


def _is_handler_role(resource: Resource) -> bool:
    return isinstance(resource, Role) and resource.name.startswith(f"{names.FAILURE_HANDLER}-")
