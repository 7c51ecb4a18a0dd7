"""The machines that scar's functions share, listed; an account has 50 of a kind at most."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.aws.handlers.batch import parse_environment, parse_queue
from scar.aws.model import names
from scar.aws.model.resources import ComputeEnvironment, JobQueue, LaunchTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef

    from scar.aws.model.resources import Resource

_SHARED_NAME = re.compile(r"scar-[0-9a-f]{12}")


def list_environments(batch: BatchClient) -> tuple[list[ComputeEnvironment], int]:
    """List scar's environments, and count all."""
    pages = batch.get_paginator("describe_compute_environments")
    with translate_errors("list the compute environments"):
        found = [e for page in pages.paginate() for e in page["computeEnvironments"]]
    ours = [
        parse_environment(e)
        for e in found
        if _is_managed(e["computeEnvironmentName"], e.get("status", ""), e.get("tags", {}))
    ]
    return ours, len(found)


def list_queues(batch: BatchClient) -> tuple[list[JobQueue], int]:
    """List scar's queues, and count all."""
    pages = batch.get_paginator("describe_job_queues")
    with translate_errors("list the job queues"):
        found = [q for page in pages.paginate() for q in page["jobQueues"]]
    ours = [
        parse_queue(q)
        for q in found
        if _is_managed(q["jobQueueName"], q.get("status", ""), q.get("tags", {}))
    ]
    return ours, len(found)


def list_launch_templates(ec2: EC2Client) -> list[LaunchTemplate]:
    """Name scar's launch templates: they go with machines of their name."""
    pages = ec2.get_paginator("describe_launch_templates")
    ours: FilterTypeDef = {"Name": f"tag:{names.MANAGED_TAG}", "Values": ["true"]}
    with translate_errors("list the launch templates"):
        found = [t for page in pages.paginate(Filters=[ours]) for t in page["LaunchTemplates"]]
    listed = (t.get("LaunchTemplateName", "") for t in found)
    return [LaunchTemplate(name=name) for name in listed if _SHARED_NAME.fullmatch(name)]


def launch_template_of(machines: Resource) -> LaunchTemplate | None:
    """Return the launch template that machines of scar's were started with."""
    used = machines.launch_template if isinstance(machines, ComputeEnvironment) else ""
    return LaunchTemplate(name=used.partition(":")[0]) if used else None


def _is_managed(name: str, status: str, tags: Mapping[str, str]) -> bool:
    ours = _SHARED_NAME.fullmatch(name) and names.MANAGED_TAG in tags
    return bool(ours) and status != "DELETED"
