"""What a function may have of its own: resources that its name tells, and how they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.resources import (
    BatchTargetRecord,
    BucketNotification,
    ComputeEnvironment,
    EventInvokeConfig,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    LogGroup,
    Role,
)

if TYPE_CHECKING:
    from scar.aws.model.account import Account
    from scar.aws.model.resources import Resource

_JOB_ROLE_PURPOSES = ("job", "exec")


def candidate_resources(account: Account, function: str) -> list[Resource]:
    """Return what a function may have, apart from repositories and images."""
    in_lambda = [
        LogGroup(name=names.lambda_log_group(function)),
        LambdaFunction(name=function),
        EventInvokeConfig(name=function),
        Role(name=names.role_name(function, account.region, "lambda")),
    ]
    if function == names.FAILURE_HANDLER:  # has no jobs
        return in_lambda
    return [
        *in_lambda,
        LogGroup(name=names.batch_log_group(function)),
        BatchTargetRecord(name=function, bucket=names.state_bucket_name(account)),
        JobDefinition(name=function),
        *(
            Role(name=names.role_name(function, account.region, purpose))
            for purpose in _JOB_ROLE_PURPOSES
        ),
    ]


def is_read_by_key(resource: Resource) -> bool:
    """Return whether a resource is read by its key; others are found by listing."""
    return not isinstance(
        resource, BucketNotification | InvokePermission | ComputeEnvironment | JobQueue
    )
