"""The requests that create resources, as data: handlers send, the preflight checks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
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
from scar.aws.requests import batch as machine_requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_lambda.type_defs import (
        AddPermissionRequestTypeDef,
        CreateFunctionRequestTypeDef,
        FileSystemConfigTypeDef,
        LoggingConfigTypeDef,
        PutFunctionEventInvokeConfigRequestTypeDef,
        UpdateFunctionConfigurationRequestTypeDef,
        VpcConfigTypeDef,
    )
    from mypy_boto3_s3.type_defs import (
        CreateBucketConfigurationTypeDef,
        CreateBucketRequestTypeDef,
        FilterRuleTypeDef,
        LambdaFunctionConfigurationTypeDef,
    )

    Request = tuple[str, str, Mapping[str, object]]


def of(resource: Resource, region: str) -> Iterator[Request]:  # noqa: C901 - a case per kind
    """Yield service, operation and parameters of what creates a resource, where rules exist."""
    match resource:
        case Bucket():
            yield "s3", "CreateBucket", {**bucket(resource.name, region, tagged=True)}
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
            yield "lambda", "CreateFunction", {**function(resource)}
        case EventInvokeConfig():
            yield "lambda", "PutFunctionEventInvokeConfig", {**event_invoke(resource)}
        case InvokePermission():
            yield "lambda", "AddPermission", {**permission(resource)}
        case ComputeEnvironment():
            yield "batch", "CreateComputeEnvironment", {**machine_requests.environment(resource)}
        case JobQueue():
            yield "batch", "CreateJobQueue", {**machine_requests.queue(resource)}
        case JobDefinition():
            yield (
                "batch",
                "RegisterJobDefinition",
                {**machine_requests.definition(resource, region)},
            )
        case _:
            return


def bucket(name: str, region: str, *, tagged: bool) -> CreateBucketRequestTypeDef:
    """Say where it is to be: the oldest Region has no name there."""
    where: CreateBucketConfigurationTypeDef = {}
    if region != "us-east-1":
        where["LocationConstraint"] = region  # type: ignore[typeddict-item]
    if tagged:
        where["Tags"] = [{"Key": names.MANAGED_TAG, "Value": "true"}]
    request: CreateBucketRequestTypeDef = {"Bucket": name}
    return {**request, "CreateBucketConfiguration": where} if where else request


def function(resource: LambdaFunction) -> CreateFunctionRequestTypeDef:
    request: CreateFunctionRequestTypeDef = {
        "FunctionName": resource.name,
        "PackageType": "Image",
        "Code": {"ImageUri": resource.image},
        "Role": resource.role_arn,
        "MemorySize": resource.memory,
        "Timeout": resource.timeout,
        "EphemeralStorage": {"Size": resource.ephemeral_mb},
        "Architectures": [resource.architecture],
        "Environment": {"Variables": dict(resource.environment)},
        "Description": resource.description,
        "Tags": dict(resource.tags),
        "LoggingConfig": _logging(resource),
    }
    if resource.subnets:
        request["VpcConfig"] = _vpc(resource)
    if resource.file_systems:
        request["FileSystemConfigs"] = _file_systems(resource)
    return request


def function_update(
    observed: LambdaFunction, desired: LambdaFunction
) -> UpdateFunctionConfigurationRequestTypeDef:
    """Say all that may change; VPC and file systems only if there are or were any."""
    request: UpdateFunctionConfigurationRequestTypeDef = {
        "FunctionName": desired.name,
        "Role": desired.role_arn,
        "MemorySize": desired.memory,
        "Timeout": desired.timeout,
        "EphemeralStorage": {"Size": desired.ephemeral_mb},
        "Environment": {"Variables": dict(desired.environment)},
        "Description": desired.description,
        "LoggingConfig": _logging(desired),
    }
    if observed.subnets or desired.subnets:
        request["VpcConfig"] = _vpc(desired)
    if observed.file_systems or desired.file_systems:
        request["FileSystemConfigs"] = _file_systems(desired)
    return request


def event_invoke(resource: EventInvokeConfig) -> PutFunctionEventInvokeConfigRequestTypeDef:
    failure = {"Destination": resource.on_failure}
    return {
        "FunctionName": resource.name,
        "MaximumRetryAttempts": resource.retries,
        "MaximumEventAgeInSeconds": resource.max_age,
        "DestinationConfig": {"OnFailure": failure} if resource.on_failure else {},  # type: ignore[typeddict-item]
    }


def notification_rule(resource: BucketNotification) -> LambdaFunctionConfigurationTypeDef:
    rule: LambdaFunctionConfigurationTypeDef = {
        "Id": resource.rule_id,
        "LambdaFunctionArn": resource.function_arn,
        "Events": list(resource.events),  # type: ignore[arg-type]
    }
    filters: list[FilterRuleTypeDef] = []
    if resource.prefix:
        filters.append({"Name": "prefix", "Value": resource.prefix})
    if resource.suffix:
        filters.append({"Name": "suffix", "Value": resource.suffix})
    if filters:
        rule["Filter"] = {"Key": {"FilterRules": filters}}
    return rule


def permission(resource: InvokePermission) -> AddPermissionRequestTypeDef:
    return {
        "FunctionName": resource.function,
        "StatementId": resource.statement,
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": resource.source_arn,
        "SourceAccount": resource.source_account,
    }


def _logging(resource: LambdaFunction) -> LoggingConfigTypeDef:
    """Ask for plain lines: the supervisor's are JSON already."""
    if not resource.log_group:
        return {"LogFormat": "Text"}
    return {"LogFormat": "Text", "LogGroup": resource.log_group}


def _vpc(resource: LambdaFunction) -> VpcConfigTypeDef:
    """Name the VPC's parts; empty lists take the function out of it."""
    return {
        "SubnetIds": list(resource.subnets),
        "SecurityGroupIds": list(resource.security_groups),
    }


def _file_systems(resource: LambdaFunction) -> list[FileSystemConfigTypeDef]:
    return [{"Arn": arn, "LocalMountPath": path} for arn, path in resource.file_systems]
