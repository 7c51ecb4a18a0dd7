"""Requests that create and update job queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.batch_requests.compute_environments import MANAGED_TAGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentOrderTypeDef,
        CreateJobQueueRequestTypeDef,
        JobStateTimeLimitActionTypeDef,
    )

    from scar.aws.model.resources import JobQueue


def create_queue_request(
    resource: JobQueue, environments: Sequence[str] = ()
) -> CreateJobQueueRequestTypeDef:
    """Return the request; ``environments`` are the present names of the compute environments."""
    request: CreateJobQueueRequestTypeDef = {
        "jobQueueName": resource.name,
        "state": "ENABLED",
        "priority": resource.priority,
        "computeEnvironmentOrder": environment_order(environments or resource.environments),
        "jobStateTimeLimitActions": time_limit_actions(resource),
        "tags": MANAGED_TAGS | dict(resource.tags),
    }
    if resource.scheduling_policy:
        request["schedulingPolicyArn"] = resource.scheduling_policy
    return request


def environment_order(environments: Sequence[str]) -> list[ComputeEnvironmentOrderTypeDef]:
    """Return the compute environments of a queue, in the form of Batch's requests."""
    return [
        {"order": number, "computeEnvironment": name}
        for number, name in enumerate(environments, start=1)
    ]


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
