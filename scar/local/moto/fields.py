"""The request fields that the local cloud implements; all others are refused.

This is an allow-list: a field that is missing here, or that AWS adds later, is refused, not
accepted and ignored. Fields that describe AWS's infrastructure (instance types, subnets, launch
templates) are allowed if ``supported_operations.NOT_EMULATED`` says that they are only stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.moto.endpoints.allowed_fields import API_GATEWAY_FIELDS, FUNCTION_URL_FIELDS
from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    # None: any value. A set: these values. A mapping: these fields, in each item of a list.
    Allowed = Mapping[str, "Allowed"] | frozenset[str] | None


def _any(text: str) -> dict[str, Allowed]:
    return dict.fromkeys(text.split())


def _allow_values(*values: str) -> Allowed:
    return frozenset(values)


_RESOURCE_REQUIREMENTS: Allowed = {"type": _allow_values("VCPU", "MEMORY", "GPU"), "value": None}
_RETRY: Allowed = {
    "attempts": None,
    "evaluateOnExit": _any("onStatusReason onReason onExitCode action"),
}
_TIMEOUT: Allowed = _any("attemptDurationSeconds")
_CONTAINER: Allowed = {
    **_any("image vcpus memory jobRoleArn executionRoleArn"),
    "environment": _any("name value"),
    "resourceRequirements": _RESOURCE_REQUIREMENTS,
    "logConfiguration": {
        "logDriver": _allow_values("awslogs"),
        "options": {
            **_any("awslogs-group awslogs-region awslogs-stream-prefix awslogs-create-group"),
            # No line is dropped here, so both modes of the log driver have the same effect.
            "mode": _allow_values("blocking", "non-blocking"),
            **_any("max-buffer-size"),
        },
    },
    # Accepted without effect: jobs use the network and the disk of this machine.
    "networkConfiguration": _any("assignPublicIp"),
    "ephemeralStorage": _any("sizeInGiB"),
    # Accepted: `scar shell` needs nothing of it here.
    "enableExecuteCommand": None,
    "fargatePlatformConfiguration": {"platformVersion": _allow_values("LATEST")},
    "volumes": {
        "name": None,
        "efsVolumeConfiguration": {
            "fileSystemId": None,
            "rootDirectory": _allow_values("/"),
            # Without effect: nothing leaves this machine, and IAM is not enforced.
            "transitEncryption": None,
            "authorizationConfig": _any("accessPointId iam"),
        },
        "s3filesVolumeConfiguration": {
            **_any("fileSystemArn accessPointArn"),
            "rootDirectory": _allow_values("/"),
        },
    },
    "mountPoints": _any("containerPath readOnly sourceVolume"),
    "linuxParameters": {
        "sharedMemorySize": None,
        "tmpfs": _any("containerPath size mountOptions"),
    },
    "ulimits": _any("name softLimit hardLimit"),
    "runtimePlatform": {
        "operatingSystemFamily": _allow_values("LINUX"),
        "cpuArchitecture": _allow_values("X86_64", "ARM64"),
    },
}
_OVERRIDES: Allowed = {
    **_any("vcpus memory"),
    "environment": _any("name value"),
    "resourceRequirements": _RESOURCE_REQUIREMENTS,
}
_COMPUTE_RESOURCES: Mapping[str, Allowed] = {
    **_any(
        """type allocationStrategy minvCpus maxvCpus desiredvCpus instanceTypes subnets
        securityGroupIds instanceRole tags bidPercentage"""
    ),
    "launchTemplate": _any("launchTemplateId launchTemplateName version"),
    "scalingPolicy": _any("minScaleDownDelayMinutes"),
    "ec2Configuration": _any("imageType"),
}
_ENVIRONMENT_ORDER: Allowed = _any("order computeEnvironment")
_FAIR_SHARE: Allowed = {
    **_any("shareDecaySeconds"),
    "shareDistribution": _any("shareIdentifier weightFactor"),
}
_TIME_LIMITS: Allowed = _any("reason state maxTimeSeconds action")
_BATCH: Mapping[str, Mapping[str, Allowed]] = {
    "RegisterJobDefinition": {
        # propagateTags has no effect: it copies tags to ECS tasks, which do not exist here.
        **_any("jobDefinitionName parameters propagateTags tags"),
        "type": _allow_values("container", "multinode"),
        "platformCapabilities": _allow_values("EC2", "FARGATE"),
        "containerProperties": _CONTAINER,
        "nodeProperties": {
            **_any("numNodes mainNode"),
            "nodeRangeProperties": {"targetNodes": None, "container": _CONTAINER},
        },
        "retryStrategy": _RETRY,
        "timeout": _TIMEOUT,
    },
    "SubmitJob": {
        **_any("jobName jobQueue jobDefinition parameters propagateTags tags"),
        "arrayProperties": _any("size"),
        "dependsOn": _any("jobId type"),
        **_any("shareIdentifier schedulingPriorityOverride"),
        "containerOverrides": _OVERRIDES,
        "nodeOverrides": {
            "numNodes": None,
            "nodePropertyOverrides": {"targetNodes": None, "containerOverrides": _OVERRIDES},
        },
        "retryStrategy": _RETRY,
        "timeout": _TIMEOUT,
    },
    "CreateComputeEnvironment": {
        **_any("computeEnvironmentName state serviceRole tags"),
        "type": _allow_values("MANAGED"),
        "computeResources": {**_COMPUTE_RESOURCES, "spotIamFleetRole": None},
    },
    "UpdateComputeEnvironment": {
        **_any("computeEnvironment state serviceRole"),
        "computeResources": _COMPUTE_RESOURCES,
    },
    "CreateJobQueue": {
        **_any("jobQueueName state priority schedulingPolicyArn tags"),
        "computeEnvironmentOrder": _ENVIRONMENT_ORDER,
        "jobStateTimeLimitActions": _TIME_LIMITS,
    },
    "UpdateJobQueue": {
        **_any("jobQueue state priority schedulingPolicyArn"),
        "computeEnvironmentOrder": _ENVIRONMENT_ORDER,
        "jobStateTimeLimitActions": _TIME_LIMITS,
    },
    "CreateSchedulingPolicy": {**_any("name tags"), "fairsharePolicy": _FAIR_SHARE},
    "UpdateSchedulingPolicy": {**_any("arn"), "fairsharePolicy": _FAIR_SHARE},
}
_FUNCTION: Mapping[str, Allowed] = {
    **_any("FunctionName Role MemorySize Timeout Description"),
    "EphemeralStorage": _any("Size"),
    "Environment": {"Variables": None},
    "LoggingConfig": {"LogFormat": _allow_values("Text"), "LogGroup": None},
    # Accepted without effect: functions use the network of this machine.
    "VpcConfig": _any("SubnetIds SecurityGroupIds"),
    "FileSystemConfigs": _any("Arn LocalMountPath"),
    "TracingConfig": {"Mode": _allow_values("PassThrough")},
    "SnapStart": {"ApplyOn": _allow_values("None")},
}
_EVENT_INVOKE_CONFIG: Mapping[str, Allowed] = {
    **_any("FunctionName MaximumRetryAttempts MaximumEventAgeInSeconds"),
    "Qualifier": _allow_values("$LATEST"),
    "DestinationConfig": {"OnSuccess": _any("Destination"), "OnFailure": _any("Destination")},
}
_EVENT_SOURCE: Mapping[str, Allowed] = {
    **_any("FunctionName Enabled BatchSize MaximumBatchingWindowInSeconds"),
    "FunctionResponseTypes": _allow_values("ReportBatchItemFailures"),
    "ScalingConfig": _any("MaximumConcurrency"),
}
_LAMBDA: Mapping[str, Mapping[str, Allowed]] = {
    "CreateFunction": {
        **_FUNCTION,
        **_any("Tags Architectures"),
        "PackageType": _allow_values("Image"),
        "Code": _any("ImageUri"),
    },
    "UpdateFunctionConfiguration": _FUNCTION,
    "UpdateFunctionCode": _any("FunctionName ImageUri Architectures"),
    "PutFunctionConcurrency": _any("FunctionName ReservedConcurrentExecutions"),
    "PutFunctionEventInvokeConfig": _EVENT_INVOKE_CONFIG,
    "UpdateFunctionEventInvokeConfig": _EVENT_INVOKE_CONFIG,
    "PutFunctionRecursionConfig": _any("FunctionName RecursiveLoop"),
    "CreateEventSourceMapping": {**_EVENT_SOURCE, **_any("EventSourceArn")},
    "UpdateEventSourceMapping": {**_EVENT_SOURCE, **_any("UUID")},
    "AddPermission": _any(
        """FunctionName StatementId Action Principal SourceArn SourceAccount FunctionUrlAuthType
        InvokedViaFunctionUrl"""
    ),
    **FUNCTION_URL_FIELDS,
}
_IMPLEMENTED: Mapping[str, Mapping[str, Mapping[str, Allowed]]] = {
    "batch": _BATCH,
    "lambda": _LAMBDA,
    # The name of its signatures, and botocore's.
    "apigateway": API_GATEWAY_FIELDS,
    "apigatewayv2": API_GATEWAY_FIELDS,
}

_COMMAND = "commands of jobs; the image's entrypoint runs"
_ZIP = "functions from zip packages; use a container image"
# The feature that a field belongs to, and the alternative where there is one.
_FEATURES: Mapping[str, str] = {
    "eksProperties": "jobs on EKS; use containerProperties",
    "eksPropertiesOverride": "jobs on EKS",
    "ecsProperties": "jobs of several containers; use containerProperties",
    "ecsPropertiesOverride": "jobs of several containers; use containerOverrides",
    "schedulingPriority": "priorities of job definitions; use schedulingPriorityOverride",
    "containerProperties.command": _COMMAND,
    "containerOverrides.command": _COMMAND,
    "containerProperties.volumes.host": "volumes of the host; use EFS or S3 Files",
    "containerProperties.linuxParameters.devices": "devices of jobs",
    "containerProperties.secrets": "secrets of jobs; use variables",
    "PackageType: Zip": _ZIP,
    "Code.ZipFile": _ZIP,
    "ZipFile": _ZIP,
    "DeadLetterConfig": "DeadLetterConfig of functions",
    "Layers": "Layers of functions",
    "InvokeMode: RESPONSE_STREAM": "streamed responses of function URLs",
    "PayloadFormatVersion: 1.0": "events of payload format 1.0; use 2.0",
    "ProtocolType: WEBSOCKET": "WebSocket APIs",
    "CredentialsArn": "integrations with a role; permit the API in the function's policy",
}


def check_fields(service: str, operation: str, request: Mapping[str, object]) -> ApiError | None:
    """Return the error for the first field or value that is not implemented, or None.

    Empty, zero and false values are accepted, because they request nothing. Operations that do
    not concern functions or jobs are not checked.
    """
    field = next(list_unsupported(service, operation, request), None)
    return not_emulated_error(field) if field else None


def list_unsupported(service: str, operation: str, request: Mapping[str, object]) -> Iterator[str]:
    """Yield each field, or ``field: value``, that ``check_fields`` refuses."""
    allowed = _IMPLEMENTED.get(service, {}).get(operation)
    if allowed is not None:
        yield from dict.fromkeys(_unsupported_fields(request, allowed, ""))


def not_emulated_error(field: str) -> ApiError:
    """Return the error for a field, or ``field: value``, that is not implemented."""
    return ApiError(
        code="NotImplemented",
        message=f"The local cloud does not emulate {describe_field(field)}.",
        status=501,
    )


def describe_field(field: str) -> str:
    """Return the field with the feature that it belongs to, if that has a name."""
    feature = _FEATURES.get(field)
    return f"{feature} ({field})" if feature else field


def _unsupported_fields(value: object, allowed: Allowed, path: str) -> Iterator[str]:
    if allowed is None or _is_empty(value):
        return
    if isinstance(value, list):
        for item in value:
            yield from _unsupported_fields(item, allowed, path)
    elif isinstance(allowed, frozenset):
        if str(value) not in allowed:
            yield f"{path}: {value}"
    elif isinstance(value, dict):
        yield from _unsupported_members(value, allowed, path)


def _unsupported_members(
    value: Mapping[str, object], allowed: Mapping[str, Allowed], path: str
) -> Iterator[str]:
    for name, item in value.items():
        field = f"{path}.{name}" if path else name
        if name in allowed:
            yield from _unsupported_fields(item, allowed[name], field)
        elif not _is_empty(item):
            yield field


def _is_empty(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_empty, value.values()))
    if isinstance(value, list):
        return all(map(_is_empty, value))
    return not value
