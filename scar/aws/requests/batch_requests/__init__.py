"""Requests that create and update the resources of Batch.

``compute_environments``, ``job_queues``, ``scheduling_policies`` and ``job_definitions`` build the
parameters of each request from a resource. ``job_storage`` has the volumes and limits of job
definitions, and reads them back. Pure functions; no I/O.
"""

from scar.aws.requests.batch_requests.compute_environments import (
    create_environment_request,
    environment_changes,
)
from scar.aws.requests.batch_requests.job_definitions import register_definition_request
from scar.aws.requests.batch_requests.job_queues import (
    create_queue_request,
    environment_order,
    time_limit_actions,
)
from scar.aws.requests.batch_requests.scheduling_policies import create_policy_request, fair_share

__all__ = [
    "create_environment_request",
    "create_policy_request",
    "create_queue_request",
    "environment_changes",
    "environment_order",
    "fair_share",
    "register_definition_request",
    "time_limit_actions",
]
