"""The request that registers a job definition."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from scar.aws.model import names
from scar.aws.model.containers.container_properties import merge_container
from scar.aws.requests.batch_requests.job_storage import add_storage
from scar.aws.requests.field_paths import add_fields

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ContainerPropertiesUnionTypeDef,
        EvaluateOnExitTypeDef,
        RegisterJobDefinitionRequestTypeDef,
        ResourceRequirementTypeDef,
    )

    from scar.aws.model.resources import JobDefinition, Pairs


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
    if resource.propagate_tags:
        request["propagateTags"] = True
    add_fields(request, resource, skip_empty=True)
    if resource.container_properties:
        raw = json.loads(resource.container_properties)
        request["containerProperties"] = cast(
            "ContainerPropertiesUnionTypeDef",
            merge_container({**request["containerProperties"]}, raw),
        )
    return request


def _retry_rule(rule: Pairs) -> EvaluateOnExitTypeDef:
    condition: EvaluateOnExitTypeDef = {"action": "EXIT"}
    condition.update(dict(rule))  # type: ignore[typeddict-item]
    return condition


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
    add_storage(container, resource)
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
