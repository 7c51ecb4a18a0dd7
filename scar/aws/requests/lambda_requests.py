"""The requests that create and update functions, as data. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AddPermissionRequestTypeDef,
        CreateFunctionRequestTypeDef,
        FileSystemConfigTypeDef,
        LoggingConfigTypeDef,
        PutFunctionEventInvokeConfigRequestTypeDef,
        UpdateFunctionConfigurationRequestTypeDef,
        VpcConfigTypeDef,
    )

    from scar.aws.model.resources import EventInvokeConfig, InvokePermission, LambdaFunction


def create_function_request(resource: LambdaFunction) -> CreateFunctionRequestTypeDef:
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
        "LoggingConfig": _logging_config(resource),
    }
    if resource.subnets:
        request["VpcConfig"] = _vpc_config(resource)
    if resource.file_systems:
        request["FileSystemConfigs"] = _file_systems(resource)
    return request


def update_function_request(
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
        "LoggingConfig": _logging_config(desired),
    }
    if observed.subnets or desired.subnets:
        request["VpcConfig"] = _vpc_config(desired)
    if observed.file_systems or desired.file_systems:
        request["FileSystemConfigs"] = _file_systems(desired)
    return request


def event_invoke_request(resource: EventInvokeConfig) -> PutFunctionEventInvokeConfigRequestTypeDef:
    failure = {"Destination": resource.on_failure}
    return {
        "FunctionName": resource.name,
        "MaximumRetryAttempts": resource.retries,
        "MaximumEventAgeInSeconds": resource.max_age,
        "DestinationConfig": {"OnFailure": failure} if resource.on_failure else {},  # type: ignore[typeddict-item]
    }


def add_permission_request(resource: InvokePermission) -> AddPermissionRequestTypeDef:
    return {
        "FunctionName": resource.function,
        "StatementId": resource.statement,
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": resource.source_arn,
        "SourceAccount": resource.source_account,
    }


def _logging_config(resource: LambdaFunction) -> LoggingConfigTypeDef:
    """Ask for plain lines: the supervisor's are JSON already."""
    if not resource.log_group:
        return {"LogFormat": "Text"}
    return {"LogFormat": "Text", "LogGroup": resource.log_group}


def _vpc_config(resource: LambdaFunction) -> VpcConfigTypeDef:
    """Name the VPC's parts; empty lists take the function out of it."""
    return {
        "SubnetIds": list(resource.subnets),
        "SecurityGroupIds": list(resource.security_groups),
    }


def _file_systems(resource: LambdaFunction) -> list[FileSystemConfigTypeDef]:
    return [{"Arn": arn, "LocalMountPath": path} for arn, path in resource.file_systems]
