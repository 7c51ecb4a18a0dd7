"""Batch's rules. Where AWS's own message is unknown, the message states the rule.

``jobs`` has those of job definitions and jobs, ``compute_environments`` and ``job_queues`` those of
the resources that jobs need, ``nodes`` those of multi-node jobs, ``common`` what several use.
"""

from scar.aws.requests.rules.batch.compute_environments import check_create_compute_environment
from scar.aws.requests.rules.batch.job_queues import check_create_job_queue, check_update_job_queue
from scar.aws.requests.rules.batch.jobs import (
    check_register_job_definition,
    check_submit_job,
    overrides_failure,
)

__all__ = [
    "check_create_compute_environment",
    "check_create_job_queue",
    "check_register_job_definition",
    "check_submit_job",
    "check_update_job_queue",
    "overrides_failure",
]
