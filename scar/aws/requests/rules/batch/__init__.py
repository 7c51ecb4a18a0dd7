"""Batch's rules. Where AWS's own message is unknown, the message states the rule.

``jobs`` has those of job definitions and jobs, ``containers`` those of their containers that only
one platform has, ``job_storage`` those of their volumes and limits, ``arrays`` those of array jobs
and dependencies, ``compute_environments``, ``job_queues`` and ``scheduling_policies`` those of the
resources that jobs need, ``common`` what several of them use.
"""

from scar.aws.requests.rules.batch.compute_environments import check_create_compute_environment
from scar.aws.requests.rules.batch.job_queues import check_create_job_queue, check_update_job_queue
from scar.aws.requests.rules.batch.jobs import (
    check_register_job_definition,
    check_submit_job,
    overrides_failure,
)
from scar.aws.requests.rules.batch.scheduling_policies import (
    check_create_scheduling_policy,
    check_update_scheduling_policy,
)

__all__ = [
    "check_create_compute_environment",
    "check_create_job_queue",
    "check_create_scheduling_policy",
    "check_register_job_definition",
    "check_submit_job",
    "check_update_job_queue",
    "check_update_scheduling_policy",
    "overrides_failure",
]
