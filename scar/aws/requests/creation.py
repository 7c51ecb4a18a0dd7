"""The requests that create a resource of any kind, as validation checks them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.resources import (
    Bucket,
    ComputeEnvironment,
    EventInvokeConfig,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    LogGroup,
    Repository,
    Resource,
    Role,
)
from scar.aws.requests import batch_requests, lambda_requests, s3_requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Request = tuple[str, str, Mapping[str, object]]


def creation_requests(resource: Resource, region: str) -> Iterator[Request]:  # noqa: C901 - a case per kind
    """Yield service, operation and parameters of what creates a resource, where rules exist."""
    match resource:
        case Bucket():
            yield "s3", "CreateBucket", {**s3_requests.bucket(resource.name, region, tagged=True)}
            for folder in resource.folders:
                yield "s3", "PutObject", {"Bucket": resource.name, "Key": folder}
        case LogGroup() if resource.retention_days:
            yield "logs", "PutRetentionPolicy", {"retentionInDays": resource.retention_days}
        case Role():
            trust = {"RoleName": resource.name, "AssumeRolePolicyDocument": resource.trust}
            yield "iam", "CreateRole", trust
            policy = {"RoleName": resource.name, "PolicyDocument": resource.policy}
            yield "iam", "PutRolePolicy", policy
        case Repository():
            yield "ecr", "CreateRepository", {"repositoryName": resource.name}
        case LambdaFunction():
            yield "lambda", "CreateFunction", {**lambda_requests.function(resource)}
        case EventInvokeConfig():
            yield (
                "lambda",
                "PutFunctionEventInvokeConfig",
                {**lambda_requests.event_invoke(resource)},
            )
        case InvokePermission():
            yield "lambda", "AddPermission", {**lambda_requests.permission(resource)}
        case ComputeEnvironment():
            yield "batch", "CreateComputeEnvironment", {**batch_requests.environment(resource)}
        case JobQueue():
            yield "batch", "CreateJobQueue", {**batch_requests.queue(resource)}
        case JobDefinition():
            yield (
                "batch",
                "RegisterJobDefinition",
                {**batch_requests.definition(resource, region)},
            )
        case _:
            return
