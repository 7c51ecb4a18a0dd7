"""Requests that create and update compute environments, job queues and job definitions.

``compute_environments``, ``job_queues`` and ``job_definitions`` build the parameters of each
request from a resource; ``nodes`` makes multi-node definitions of those of one container, and
back. Pure functions; no I/O.
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
from scar.aws.requests.batch_requests.nodes import from_multi_node

__all__ = [
    "create_environment_request",
    "create_queue_request",
    "environment_changes",
    "environment_order",
    "from_multi_node",
    "register_definition_request",
    "time_limit_actions",
]
