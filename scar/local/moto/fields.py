"""The fields of requests that the local cloud implements; all others are refused. Pure.

A list of what is allowed, not of what is refused: a field that nobody thought of, or that AWS
adds later, is refused too, instead of being accepted and ignored. What describes AWS's own
machines (instance types, subnets, launch templates) is allowed as far as ``NOT_EMULATED`` in
``offer`` says that it is stored only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    # None: any value. A set: these values. A mapping: these fields, of each item if in a list.
    Allowed = Mapping[str, "Allowed"] | frozenset[str] | None


def _any(text: str) -> dict[str, Allowed]:
    return dict.fromkeys(text.split())


def _only(*values: str) -> Allowed:
    return frozenset(values)


# Without GPUs.
_RESOURCES: Allowed = {"type": _only("VCPU", "MEMORY"), "value": None}
_RETRY: Allowed = {
    "attempts": None,
    "evaluateOnExit": _any("onStatusReason onReason onExitCode action"),
}
_TIMEOUT: Allowed = _any("attemptDurationSeconds")
_CONTAINER: Allowed = {
    **_any("image vcpus memory jobRoleArn executionRoleArn"),
    "environment": _any("name value"),
    "resourceRequirements": _RESOURCES,
    "logConfiguration": {
        "logDriver": _only("awslogs"),
        "options": _any("awslogs-group awslogs-region awslogs-stream-prefix awslogs-create-group"),
    },
    # Jobs run on this machine: with its network and its disk.
    "networkConfiguration": _any("assignPublicIp"),
    "ephemeralStorage": _any("sizeInGiB"),
    "fargatePlatformConfiguration": {"platformVersion": _only("LATEST")},
    "runtimePlatform": {
        "operatingSystemFamily": _only("LINUX"),
        "cpuArchitecture": _only("X86_64", "ARM64"),
    },
}
_OVERRIDES: Allowed = {
    **_any("vcpus memory"),
    "environment": _any("name value"),
    "resourceRequirements": _RESOURCES,
}
_MACHINES: Mapping[str, Allowed] = {
    **_any(
        """type allocationStrategy minvCpus maxvCpus desiredvCpus instanceTypes subnets
        securityGroupIds instanceRole tags bidPercentage"""
    ),
    "launchTemplate": _any("launchTemplateId launchTemplateName version"),
    "ec2Configuration": _any("imageType"),
}
_ORDER: Allowed = _any("order computeEnvironment")
_BATCH: Mapping[str, Mapping[str, Allowed]] = {
    "RegisterJobDefinition": {
        # Tags are propagated to ECS tasks, which do not exist here.
        **_any("jobDefinitionName parameters propagateTags tags"),
        "type": _only("container"),
        "platformCapabilities": _only("EC2", "FARGATE"),
        "containerProperties": _CONTAINER,
        "retryStrategy": _RETRY,
        "timeout": _TIMEOUT,
    },
    "SubmitJob": {
        **_any("jobName jobQueue jobDefinition parameters propagateTags tags"),
        "containerOverrides": _OVERRIDES,
        "retryStrategy": _RETRY,
        "timeout": _TIMEOUT,
    },
    "CreateComputeEnvironment": {
        **_any("computeEnvironmentName state serviceRole tags"),
        "type": _only("MANAGED"),
        "computeResources": {**_MACHINES, "spotIamFleetRole": None},
    },
    "UpdateComputeEnvironment": {
        **_any("computeEnvironment state serviceRole"),
        "computeResources": _MACHINES,
    },
    "CreateJobQueue": {
        **_any("jobQueueName state priority tags"),
        "computeEnvironmentOrder": _ORDER,
    },
    "UpdateJobQueue": {**_any("jobQueue state priority"), "computeEnvironmentOrder": _ORDER},
}
_FUNCTION: Mapping[str, Allowed] = {
    **_any("FunctionName Role MemorySize Timeout Description"),
    "EphemeralStorage": _any("Size"),
    "Environment": {"Variables": None},
    "LoggingConfig": {"LogFormat": _only("Text"), "LogGroup": None},
    # Functions use this machine's network.
    "VpcConfig": _any("SubnetIds SecurityGroupIds"),
    "TracingConfig": {"Mode": _only("PassThrough")},
    "SnapStart": {"ApplyOn": _only("None")},
}
_ASYNCHRONOUS: Mapping[str, Allowed] = {
    **_any("FunctionName MaximumRetryAttempts MaximumEventAgeInSeconds"),
    "Qualifier": _only("$LATEST"),
    "DestinationConfig": {"OnSuccess": _any("Destination"), "OnFailure": _any("Destination")},
}
_LAMBDA: Mapping[str, Mapping[str, Allowed]] = {
    "CreateFunction": {
        **_FUNCTION,
        **_any("Tags Architectures"),
        "PackageType": _only("Image"),
        "Code": _any("ImageUri"),
    },
    "UpdateFunctionConfiguration": _FUNCTION,
    "UpdateFunctionCode": _any("FunctionName ImageUri Architectures"),
    "PutFunctionConcurrency": _any("FunctionName ReservedConcurrentExecutions"),
    "PutFunctionEventInvokeConfig": _ASYNCHRONOUS,
    "UpdateFunctionEventInvokeConfig": _ASYNCHRONOUS,
    "AddPermission": _any("FunctionName StatementId Action Principal SourceArn SourceAccount"),
}
_IMPLEMENTED = {"batch": _BATCH, "lambda": _LAMBDA}

_COMMAND = "commands of jobs; the image's entrypoint runs"
_MULTI_NODE = "multi-node jobs; give containerProperties"
_ZIP = "functions from zip packages; give a container image"
# What a field is for, where its name alone does not say what to do instead.
_MEANING: Mapping[str, str] = {
    "type: multinode": _MULTI_NODE,
    "nodeProperties": _MULTI_NODE,
    "nodeOverrides": _MULTI_NODE,
    "eksProperties": "jobs on EKS; give containerProperties",
    "eksPropertiesOverride": "jobs on EKS",
    "ecsProperties": "jobs of several containers; give containerProperties",
    "ecsPropertiesOverride": "jobs of several containers; give containerOverrides",
    "arrayProperties": "array jobs",
    "dependsOn": "dependencies between jobs",
    "shareIdentifier": "fair share",
    "schedulingPriority": "fair share",
    "schedulingPriorityOverride": "fair share",
    "schedulingPolicyArn": "fair share",
    "containerProperties.command": _COMMAND,
    "containerOverrides.command": _COMMAND,
    "containerProperties.volumes": "volumes of jobs",
    "containerProperties.mountPoints": "volumes of jobs",
    "containerProperties.secrets": "secrets of jobs; give variables",
    "containerProperties.resourceRequirements.type: GPU": "GPUs",
    "containerOverrides.resourceRequirements.type: GPU": "GPUs",
    "PackageType: Zip": _ZIP,
    "Code.ZipFile": _ZIP,
    "ZipFile": _ZIP,
    "FileSystemConfigs": "FileSystemConfigs of functions",
    "DeadLetterConfig": "DeadLetterConfig of functions",
    "Layers": "Layers of functions",
}


def check_fields(service: str, operation: str, request: Mapping[str, object]) -> ApiError | None:
    """Refuse the first field, or value of a closed choice, that is not implemented.

    Empty, zero and false values pass: they ask for nothing. None for operations that are not
    about functions or jobs.
    """
    allowed = _IMPLEMENTED.get(service, {}).get(operation)
    if allowed is None:
        return None
    found = next(_unknown(request, allowed, ""), None)
    return not_emulated_error(found) if found else None


def not_emulated_error(field: str) -> ApiError:
    """Name a field, or ``field: value``, that is not implemented, and what it is for."""
    meaning = _MEANING.get(field)
    return ApiError(
        code="NotImplemented",
        message=f"The local cloud does not emulate {f'{meaning} ({field})' if meaning else field}.",
        status=501,
    )


def _unknown(value: object, allowed: Allowed, at: str) -> Iterator[str]:
    if allowed is None or _asks_for_nothing(value):
        return
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, allowed, at)
    elif isinstance(allowed, frozenset):
        if str(value) not in allowed:
            yield f"{at}: {value}"
    elif isinstance(value, dict):
        yield from _unknown_fields(value, allowed, at)


def _unknown_fields(
    value: Mapping[str, object], allowed: Mapping[str, Allowed], at: str
) -> Iterator[str]:
    for name, item in value.items():
        field = f"{at}.{name}" if at else name
        if name in allowed:
            yield from _unknown(item, allowed[name], field)
        elif not _asks_for_nothing(item):
            yield field


def _asks_for_nothing(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_asks_for_nothing, value.values()))
    if isinstance(value, list):
        return all(map(_asks_for_nothing, value))
    return not value
