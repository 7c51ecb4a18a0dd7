"""Requests that create and update compute environments, job queues and job definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.requests.field_paths import add_fields

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentOrderTypeDef,
        ComputeResourceTypeDef,
        ComputeResourceUpdateTypeDef,
        ContainerPropertiesUnionTypeDef,
        CreateComputeEnvironmentRequestTypeDef,
        CreateJobQueueRequestTypeDef,
        EvaluateOnExitTypeDef,
        JobStateTimeLimitActionTypeDef,
        RegisterJobDefinitionRequestTypeDef,
        ResourceRequirementTypeDef,
    )

    from scar.aws.model.resources import ComputeEnvironment, JobDefinition, JobQueue, Pairs

_MANAGED_TAGS = {names.MANAGED_TAG: "true"}


def create_environment_request(
    resource: ComputeEnvironment,
) -> CreateComputeEnvironmentRequestTypeDef:
    request: CreateComputeEnvironmentRequestTypeDef = {
        "computeEnvironmentName": resource.actual_name or resource.name,
        "type": "MANAGED",
        "state": "ENABLED",
        "computeResources": _compute_resources(resource),
        "tags": _MANAGED_TAGS,
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


def environment_changes(
    observed: ComputeEnvironment, desired: ComputeEnvironment
) -> ComputeResourceUpdateTypeDef:
    """Return the compute resources that differ, for UpdateComputeEnvironment."""
    # AWS Batch expects only the fields that change.
    before, after = _compute_resources(observed), _compute_resources(desired)
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


def create_queue_request(resource: JobQueue, environment: str = "") -> CreateJobQueueRequestTypeDef:
    """Return the request; ``environment`` is the present name of the compute environment."""
    return {
        "jobQueueName": resource.name,
        "state": "ENABLED",
        "priority": resource.priority,
        "computeEnvironmentOrder": environment_order(environment or resource.environment),
        "jobStateTimeLimitActions": time_limit_actions(resource),
        "tags": _MANAGED_TAGS,
    }


def environment_order(environment: str) -> list[ComputeEnvironmentOrderTypeDef]:
    """Return the one compute environment of a queue, in the form of Batch's requests."""
    return [{"order": 1, "computeEnvironment": environment}]


def time_limit_actions(resource: JobQueue) -> list[JobStateTimeLimitActionTypeDef]:
    """Return what Batch does with jobs that block the queue, in the form of its requests."""
    return [_time_limit_action(dict(limit)) for limit in resource.time_limits]


def _time_limit_action(limit: dict[str, str]) -> JobStateTimeLimitActionTypeDef:
    return {
        "reason": limit["reason"],
        "state": limit["state"],  # type: ignore[typeddict-item]
        "maxTimeSeconds": int(limit["maxTimeSeconds"]),
        "action": limit["action"],  # type: ignore[typeddict-item]
    }


def register_definition_request(
    resource: JobDefinition, region: str
) -> RegisterJobDefinitionRequestTypeDef:
    request: RegisterJobDefinitionRequestTypeDef = {
        "jobDefinitionName": resource.name,
        "type": "container",
        "platformCapabilities": [resource.platform],
        "retryStrategy": {"evaluateOnExit": [_retry_rule(rule) for rule in resource.retry_rules]},
        "containerProperties": _container_properties(resource, region),
        "tags": dict(resource.tags),
    }
    add_fields(request, resource, skip_empty=True)
    return request


def _retry_rule(rule: Pairs) -> EvaluateOnExitTypeDef:
    condition: EvaluateOnExitTypeDef = {"action": "EXIT"}
    condition.update(dict(rule))  # type: ignore[typeddict-item]
    return condition


def _compute_resources(resource: ComputeEnvironment) -> ComputeResourceTypeDef:
    compute: ComputeResourceTypeDef = {
        "type": resource.type,
        "maxvCpus": resource.max_vcpus,
        "subnets": list(resource.subnets),
        "securityGroupIds": list(resource.security_groups),
    }
    # Batch rejects all other parameters for Fargate.
    if resource.type in ("FARGATE", "FARGATE_SPOT"):
        return compute
    if resource.allocation:
        compute["allocationStrategy"] = resource.allocation  # type: ignore[typeddict-item]
    compute["minvCpus"] = resource.min_vcpus
    compute["instanceTypes"] = list(resource.instance_types)
    compute["instanceRole"] = resource.instance_profile
    compute["ec2Configuration"] = [{"imageType": resource.image_type}]
    return compute


def _container_properties(resource: JobDefinition, region: str) -> ContainerPropertiesUnionTypeDef:
    container: ContainerPropertiesUnionTypeDef = {
        "resourceRequirements": _resource_requirements(resource),
        "environment": [{"name": name, "value": value} for name, value in resource.environment],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": names.batch_log_group(resource.name),
                "awslogs-region": region,
                **({"mode": resource.log_mode} if resource.log_mode else {}),
            },
        },
    }
    if resource.platform == "FARGATE":
        container["networkConfiguration"] = {
            "assignPublicIp": "ENABLED" if resource.public_ip else "DISABLED"
        }
        container["runtimePlatform"] = {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": "ARM64" if resource.architecture == "arm64" else "X86_64",
        }
    return container


def _resource_requirements(resource: JobDefinition) -> list[ResourceRequirementTypeDef]:
    """Return vCPUs, MiB of memory and GPUs; the API has them as strings."""
    requirements: list[ResourceRequirementTypeDef] = [
        {"type": "VCPU", "value": resource.vcpus},
        {"type": "MEMORY", "value": str(resource.memory)},
    ]
    if resource.gpus:
        requirements.append({"type": "GPU", "value": str(resource.gpus)})
    return requirements
