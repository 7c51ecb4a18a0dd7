"""List the Batch resources that scar's functions share, and count those of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client.errors import error_code, translate_errors
from scar.aws.handlers.batch.descriptions import compare_tags, parse_environments, parse_queue
from scar.aws.handlers.batch.job_definitions import (
    JobDefinitionHandler,
    is_parseable,
    parse_job_definition,
)
from scar.aws.handlers.batch.scheduling_policies import parse_policy
from scar.aws.model import names
from scar.aws.model.resources import (
    ComputeEnvironment,
    JobQueue,
    LaunchTemplate,
    SchedulingPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import JobDefinition, Resource

_MOST_DESCRIBED = 100  # policies of one DescribeSchedulingPolicies (model: arns)


def list_environments(batch: BatchClient) -> tuple[list[ComputeEnvironment], int]:
    """Return scar's compute environments, and the number of all in the Region."""
    pages = batch.get_paginator("describe_compute_environments")
    with translate_errors("list the compute environments"):
        environments = [e for page in pages.paginate() for e in page["computeEnvironments"]]
    managed: dict[str, list[ComputeEnvironmentDetailTypeDef]] = {}
    for found in environments:
        name = found["computeEnvironmentName"]
        if _is_managed(name, found.get("status", ""), found.get("tags", {})):
            # An environment and its replacement are one resource.
            managed.setdefault(names.shared_name(name), []).append(found)
    parsed = (parse_environments(found) for found in managed.values())
    return [e for e in parsed if e is not None], len(environments)


def list_queues(batch: BatchClient) -> tuple[list[JobQueue], int]:
    """Return scar's job queues, and the number of all in the Region."""
    pages = batch.get_paginator("describe_job_queues")
    with translate_errors("list the job queues"):
        queues = [q for page in pages.paginate() for q in page["jobQueues"]]
    managed = [
        parse_queue(q)
        for q in queues
        if _is_managed(q["jobQueueName"], q.get("status", ""), q.get("tags", {}))
    ]
    return managed, len(queues)


def list_scheduling_policies(batch: BatchClient) -> list[SchedulingPolicy]:
    """Return scar's scheduling policies; none if the caller has no permission to list them.

    Other users' functions may have shares: who has none needs no permission for their policies.
    """
    try:
        pages = batch.get_paginator("list_scheduling_policies").paginate()
        arns = [p["arn"] for page in pages for p in page["schedulingPolicies"]]
        own = [arn for arn in arns if names.is_shared_name(arn.rpartition("/")[2])]
        described = [
            policy
            for start in range(0, len(own), _MOST_DESCRIBED)
            for policy in batch.describe_scheduling_policies(
                arns=own[start : start + _MOST_DESCRIBED]
            )["schedulingPolicies"]
        ]
    except ClientError as error:
        if error_code(error) in ("AccessDenied", "AccessDeniedException"):
            return []
        raise
    return [parse_policy(p) for p in described if names.MANAGED_TAG in p.get("tags", {})]


def list_job_definitions(connection: AwsConnection) -> tuple[JobDefinition, ...]:
    """Return the active job definitions of all functions that scar created."""
    handler = JobDefinitionHandler(connection.client("batch"), connection.account.region)
    with translate_errors("list the job definitions"):
        return tuple(
            parse_job_definition(d)
            for d in handler.list_revisions()
            if names.FUNCTION_TAG in d.get("tags", {}) and is_parseable(d)
        )


def list_launch_templates(ec2: EC2Client) -> list[LaunchTemplate]:
    """Return scar's launch templates, by name: each belongs to the environment of the same name."""
    pages = ec2.get_paginator("describe_launch_templates")
    managed: FilterTypeDef = {"Name": f"tag:{names.MANAGED_TAG}", "Values": ["true"]}
    with translate_errors("list the launch templates"):
        templates = [
            t for page in pages.paginate(Filters=[managed]) for t in page["LaunchTemplates"]
        ]
    template_names = (t.get("LaunchTemplateName", "") for t in templates)
    return [LaunchTemplate(name=name) for name in template_names if names.is_shared_name(name)]


def with_compared_tags(found: Resource, desired: Resource) -> Resource:
    """Return a listed resource with those of its tags that are compared with the desired ones."""
    if isinstance(found, ComputeEnvironment) and isinstance(desired, ComputeEnvironment):
        return compare_tags(found, desired)
    if isinstance(found, JobQueue) and isinstance(desired, JobQueue):
        return compare_tags(found, desired)
    return found


def launch_template_of(resource: Resource) -> LaunchTemplate | None:
    """Return the launch template of a compute environment; None for other resources."""
    used = resource.launch_template if isinstance(resource, ComputeEnvironment) else ""
    return LaunchTemplate(name=used.partition(":")[0]) if used else None


def _is_managed(name: str, status: str, tags: Mapping[str, str]) -> bool:
    is_scars = names.is_shared_name(name) and names.MANAGED_TAG in tags
    return is_scars and status != "DELETED"
