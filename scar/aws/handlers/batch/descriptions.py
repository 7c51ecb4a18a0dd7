"""Describe compute environments and job queues: their status and settings in Batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.handlers.batch.statuses import INVALID, environments_of, reason_of, status_of
from scar.aws.model import names
from scar.aws.model.resources import VALID, ComputeEnvironment, JobQueue
from scar.aws.model.tags import others_tags, users_tags

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import TypeVar

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        JobQueueDetailTypeDef,
        JobStateTimeLimitActionTypeDef,
    )

    from scar.aws.model.resources import Pairs

    Description = ComputeEnvironmentDetailTypeDef | JobQueueDetailTypeDef
    SharedResource = TypeVar("SharedResource", ComputeEnvironment, JobQueue)

DELETING = "DELETING"
_SERVICE_LINKED = "/AWSServiceRoleForBatch"


def describe_status(found: Description) -> str:
    """Return the status that is compared: Batch's reason is part of it if it is INVALID.

    CREATING and UPDATING pass: what they become is known only when they have ended.
    """
    match status_of(found):
        case "INVALID":
            return f"{INVALID}: {reason_of(found)}"
        case "DELETING":
            return DELETING
        case _:
            return VALID


def current_environment(
    found: Iterable[ComputeEnvironmentDetailTypeDef], used: Collection[str] = ()
) -> ComputeEnvironmentDetailTypeDef | None:
    """Return the environment that counts, of those with the names of one resource.

    Two exist while one replaces the other: the usable one counts, then one of ``used``, those that
    job queues use. None if there is none.
    """

    def rank(each: ComputeEnvironmentDetailTypeDef) -> tuple[bool, bool, bool, str]:
        status, name = status_of(each), each.get("computeEnvironmentName", "")
        return status != DELETING, status != INVALID, name in used, name

    return max((e for e in found if status_of(e)), key=rank, default=None)


def parse_environments(
    found: Iterable[ComputeEnvironmentDetailTypeDef],
) -> ComputeEnvironment | None:
    """Return the resource that these environments are, with one of its names each."""
    existing = [e for e in found if status_of(e)]
    current = current_environment(existing)
    if current is None:
        return None
    others = (e["computeEnvironmentName"] for e in existing if e is not current)
    return replace(parse_environment(current), superseded=tuple(sorted(others)))


def parse_environment(found: ComputeEnvironmentDetailTypeDef) -> ComputeEnvironment:
    """Return a compute environment as DescribeComputeEnvironments describes it."""
    actual = found["computeResources"]
    images = actual.get("ec2Configuration", [])
    role = found.get("serviceRole", "")
    template = actual.get("launchTemplate", {})
    name = found["computeEnvironmentName"]
    return ComputeEnvironment(
        name=names.shared_name(name),
        actual_name=name,
        type=actual["type"],
        max_vcpus=actual["maxvCpus"],
        min_vcpus=actual.get("minvCpus", 0),
        instance_types=tuple(actual.get("instanceTypes", [])),
        allocation=actual.get("allocationStrategy", ""),
        image_type=images[0]["imageType"] if images else "",
        subnets=tuple(sorted(actual["subnets"])),
        security_groups=tuple(sorted(actual.get("securityGroupIds", []))),
        instance_profile=actual.get("instanceRole", ""),
        # Without a service role in the request, Batch reports its service-linked role.
        service_role="" if role.endswith(_SERVICE_LINKED) else role,
        launch_template=(
            f"{template.get('launchTemplateName')}:{template.get('version')}" if template else ""
        ),
        # 100 is Batch's default, which it may report although no request had it.
        bid_percentage=actual.get("bidPercentage", 0) % 100,
        scale_down_minutes=actual.get("scalingPolicy", {}).get("minScaleDownDelayMinutes", 0),
        tags=_environment_tags(found),
        state=found.get("state", "ENABLED"),
        status=describe_status(found),
    )


def _environment_tags(found: ComputeEnvironmentDetailTypeDef) -> Pairs:
    """Return the tags of the environment, on EC2 those that its instances get too."""
    tags, resources = found.get("tags", {}), found["computeResources"]
    if resources["type"].startswith("FARGATE"):
        return others_tags(tags)
    return others_tags(dict(tags.items() & resources.get("tags", {}).items()))


def compare_tags(found: SharedResource, desired: SharedResource) -> SharedResource:
    """Return the observed resource with the tags that are compared with the desired ones."""
    return replace(found, tags=users_tags(dict(found.tags), desired.tags))


def parse_queue(found: JobQueueDetailTypeDef) -> JobQueue:
    """Return a job queue as DescribeJobQueues describes it."""
    return JobQueue(
        name=found["jobQueueName"],
        environments=tuple(names.shared_name(e) for e in environments_of(found)),
        priority=found["priority"],
        time_limits=tuple(
            sorted(_parse_time_limit(a) for a in found.get("jobStateTimeLimitActions", []))
        ),
        scheduling_policy=found.get("schedulingPolicyArn", ""),
        tags=others_tags(found.get("tags", {})),
        state=found["state"],
        status=describe_status(found),
    )


def _parse_time_limit(action: JobStateTimeLimitActionTypeDef) -> Pairs:
    return tuple(sorted((name, str(value)) for name, value in action.items()))


def describe_environments(batch: BatchClient, name: str) -> list[ComputeEnvironmentDetailTypeDef]:
    """Return the existing environments with the names of one resource: rarely more than one."""
    response = batch.describe_compute_environments(
        computeEnvironments=list(names.environment_names(name))
    )
    return [e for e in response["computeEnvironments"] if status_of(e)]


def describe_queue(batch: BatchClient, name: str) -> JobQueueDetailTypeDef | None:
    queues = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    existing = [queue for queue in queues if status_of(queue)]
    return existing[0] if existing else None


def queues_using(batch: BatchClient, environments: Iterable[str]) -> list[JobQueueDetailTypeDef]:
    """Return the job queues of the Region that use one of these environments, by name in AWS."""
    wanted = {*environments}
    pages = batch.get_paginator("describe_job_queues").paginate()
    return [
        queue
        for page in pages
        for queue in page["jobQueues"]
        if status_of(queue) and wanted & {*environments_of(queue)}
    ]


def is_idle(found: Description | None) -> bool | str:
    """Return True if it can be updated or deleted, also if invalid; else its status."""
    status = status_of(found)
    return status in ("", VALID, INVALID, DELETING) or status
