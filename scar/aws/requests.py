"""The requests that create resources, as data: handlers send, the preflight checks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws import names
from scar.aws.resources import (
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_batch.type_defs import (
        ComputeResourceTypeDef,
        ComputeResourceUpdateTypeDef,
        ContainerPropertiesUnionTypeDef,
        CreateComputeEnvironmentRequestTypeDef,
        CreateJobQueueRequestTypeDef,
        EvaluateOnExitTypeDef,
        RegisterJobDefinitionRequestTypeDef,
        ResourceRequirementTypeDef,
    )
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

    from scar.aws.resources import Pairs

    Request = tuple[str, str, Mapping[str, object]]

_MANAGED = {names.MANAGED_TAG: "true"}


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
            yield "batch", "CreateComputeEnvironment", {**environment(resource)}
        case JobQueue():
            yield "batch", "CreateJobQueue", {**queue(resource)}
        case JobDefinition():
            yield "batch", "RegisterJobDefinition", {**definition(resource, region)}
        case _:
            return


def bucket(name: str, region: str, *, tagged: bool) -> CreateBucketRequestTypeDef:
    """Say where it is to be: the oldest Region has no name there."""
    where: CreateBucketConfigurationTypeDef = {}
    if region != "us-east-1":
        where["LocationConstraint"] = region  # type: ignore[typeddict-item]
    if tagged:
        where["Tags"] = [{"Key": name, "Value": value} for name, value in _MANAGED.items()]
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


def environment(resource: ComputeEnvironment) -> CreateComputeEnvironmentRequestTypeDef:
    request: CreateComputeEnvironmentRequestTypeDef = {
        "computeEnvironmentName": resource.name,
        "type": "MANAGED",
        "state": "ENABLED",
        "computeResources": _machines(resource),
        "tags": _MANAGED,
    }
    if resource.launch_template:
        name, _, version = resource.launch_template.partition(":")
        request["computeResources"]["launchTemplate"] = {
            "launchTemplateName": name,
            "version": version,
        }
    if resource.service_role:
        request["serviceRole"] = resource.service_role
    return request


def environment_update(
    observed: ComputeEnvironment, desired: ComputeEnvironment
) -> ComputeResourceUpdateTypeDef:
    """Say what of the machines must change; Batch wants no field that stays."""
    before, after = _machines(observed), _machines(desired)
    changed: ComputeResourceUpdateTypeDef = {}
    for field in (
        "minvCpus",
        "maxvCpus",
        "subnets",
        "securityGroupIds",
        "instanceTypes",
        "instanceRole",
        "ec2Configuration",
        "type",
        "allocationStrategy",
    ):
        if before.get(field) != after.get(field) and field in after:
            changed[field] = after[field]
    return changed


def queue(resource: JobQueue) -> CreateJobQueueRequestTypeDef:
    return {
        "jobQueueName": resource.name,
        "state": "ENABLED",
        "priority": resource.priority,
        "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": resource.environment}],
        "tags": _MANAGED,
    }


def definition(resource: JobDefinition, region: str) -> RegisterJobDefinitionRequestTypeDef:
    return {
        "jobDefinitionName": resource.name,
        "type": "container",
        "platformCapabilities": [resource.platform],
        "timeout": {"attemptDurationSeconds": resource.timeout},
        "retryStrategy": {
            "attempts": resource.attempts,
            "evaluateOnExit": [_retry_rule(rule) for rule in resource.retry_rules],
        },
        "containerProperties": _container(resource, region),
        "tags": dict(resource.tags),
    }


def _retry_rule(rule: Pairs) -> EvaluateOnExitTypeDef:
    written: EvaluateOnExitTypeDef = {"action": "EXIT"}
    written.update(dict(rule))  # type: ignore[typeddict-item]
    return written


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


def _machines(resource: ComputeEnvironment) -> ComputeResourceTypeDef:
    machines: ComputeResourceTypeDef = {
        "type": resource.type,
        "maxvCpus": resource.max_vcpus,
        "subnets": list(resource.subnets),
        "securityGroupIds": list(resource.security_groups),
    }
    if resource.type in ("FARGATE", "FARGATE_SPOT"):
        return machines
    if resource.allocation:
        machines["allocationStrategy"] = resource.allocation  # type: ignore[typeddict-item]
    machines["minvCpus"] = resource.min_vcpus
    machines["instanceTypes"] = list(resource.instance_types)
    machines["instanceRole"] = resource.instance_profile
    machines["ec2Configuration"] = [{"imageType": resource.image_type}]
    return machines


def _container(resource: JobDefinition, region: str) -> ContainerPropertiesUnionTypeDef:
    container: ContainerPropertiesUnionTypeDef = {
        "image": resource.image,
        "jobRoleArn": resource.job_role,
        "resourceRequirements": _requirements(resource),
        "environment": [{"name": k, "value": v} for k, v in resource.environment],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": names.batch_log_group(resource.name),
                "awslogs-region": region,
            },
        },
    }
    if resource.execution_role:
        container["executionRoleArn"] = resource.execution_role
    if resource.platform == "FARGATE":
        container["networkConfiguration"] = {
            "assignPublicIp": "ENABLED" if resource.public_ip else "DISABLED"
        }
        container["runtimePlatform"] = {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": "ARM64" if resource.architecture == "arm64" else "X86_64",
        }
        if resource.disk_gib:
            container["ephemeralStorage"] = {"sizeInGiB": resource.disk_gib}
    return container


def _requirements(resource: JobDefinition) -> list[ResourceRequirementTypeDef]:
    """Write the numbers as strings, as the API wants them."""
    requirements: list[ResourceRequirementTypeDef] = [
        {"type": "VCPU", "value": resource.vcpus},
        {"type": "MEMORY", "value": str(resource.memory)},
    ]
    if resource.gpus:
        requirements.append({"type": "GPU", "value": str(resource.gpus)})
    return requirements
