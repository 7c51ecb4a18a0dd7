"""Requests that create and update compute environments, job queues and job definitions.

``compute_environments``, ``job_queues`` and ``job_definitions`` build the parameters of each
request from a resource. ``job_storage`` has the volumes and limits of job definitions, and reads
them back. Pure functions; no I/O.
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

__all__ = [
    "create_environment_request",
    "create_queue_request",
    "environment_changes",
    "environment_order",
    "register_definition_request",
    "time_limit_actions",
]
