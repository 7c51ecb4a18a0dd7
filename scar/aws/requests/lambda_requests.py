"""Requests that create and update functions, permissions and event invoke configs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.field_paths import add_fields

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AddPermissionRequestTypeDef,
        CreateFunctionRequestTypeDef,
        FileSystemConfigTypeDef,
        LoggingConfigTypeDef,
        PutFunctionEventInvokeConfigRequestTypeDef,
        PutFunctionRecursionConfigRequestTypeDef,
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
        "Architectures": [resource.architecture],
        "Environment": {"Variables": dict(resource.environment)},
        "Tags": dict(resource.tags),
        "LoggingConfig": _logging_config(resource),
    }
    add_fields(request, resource)
    if resource.subnets:
        request["VpcConfig"] = _vpc_config(resource)
    if resource.file_systems:
        request["FileSystemConfigs"] = _file_systems(resource)
    return request


def update_function_request(
    observed: LambdaFunction, desired: LambdaFunction
) -> UpdateFunctionConfigurationRequestTypeDef:
    """Return all parameters that can change; VPC and file systems only if set before or after."""
    request: UpdateFunctionConfigurationRequestTypeDef = {
        "FunctionName": desired.name,
        "Role": desired.role_arn,
        "Environment": {"Variables": dict(desired.environment)},
        "LoggingConfig": _logging_config(desired),
    }
    add_fields(request, desired)
    if observed.subnets or desired.subnets:
        request["VpcConfig"] = _vpc_config(desired)
    if observed.file_systems or desired.file_systems:
        request["FileSystemConfigs"] = _file_systems(desired)
    return request


def recursion_request(resource: LambdaFunction) -> PutFunctionRecursionConfigRequestTypeDef:
    return {
        "FunctionName": resource.name,
        "RecursiveLoop": "Allow" if resource.allow_loop else "Terminate",
    }


def event_invoke_request(resource: EventInvokeConfig) -> PutFunctionEventInvokeConfigRequestTypeDef:
    failure = {"Destination": resource.on_failure}
    request: PutFunctionEventInvokeConfigRequestTypeDef = {
        "FunctionName": resource.name,
        "DestinationConfig": {"OnFailure": failure} if resource.on_failure else {},  # type: ignore[typeddict-item]
    }
    add_fields(request, resource)
    return request


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
    """Return a configuration for plain text: the supervisor's log lines are already JSON."""
    if not resource.log_group:
        return {"LogFormat": "Text"}
    return {"LogFormat": "Text", "LogGroup": resource.log_group}


def _vpc_config(resource: LambdaFunction) -> VpcConfigTypeDef:
    """Return the VPC configuration; empty lists detach the function from its VPC."""
    return {
        "SubnetIds": list(resource.subnets),
        "SecurityGroupIds": list(resource.security_groups),
    }


def _file_systems(resource: LambdaFunction) -> list[FileSystemConfigTypeDef]:
    return [{"Arn": arn, "LocalMountPath": path} for arn, path in resource.file_systems]
