"""Rules of job queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_number,
    get_structures,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

from scar.aws.requests.rules.batch.common import check_name, client_exception
from scar.aws.requests.rules.tags import check_tags

# docs: "Automatic remediation with jobStateTimeLimitActions", 2026-11.
_TIME_LIMIT_REASONS = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)


def check_create_job_queue(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateJobQueue."""
    yield from check_name(parameters, "jobQueueName")
    yield from check_tags(parameters, "tags")
    environments = get_structures(parameters, "computeEnvironmentOrder")
    if not limits.BATCH_ENVIRONMENTS_PER_QUEUE.allows(len(environments)):
        most = limits.BATCH_ENVIRONMENTS_PER_QUEUE.maximum
        yield client_exception(
            f"computeEnvironmentOrder must have 1 to {most} compute environments."
        )
    yield from check_update_job_queue(parameters)


def check_update_job_queue(parameters: Parameters) -> Iterator[RuleViolation]:
    """UpdateJobQueue: the compute environments, and what Batch does with jobs that block it."""
    order = get_structures(parameters, "computeEnvironmentOrder")
    named = [get_text(entry, "computeEnvironment") for entry in order]
    if len({*named}) < len(named):
        yield client_exception("computeEnvironmentOrder must not contain an environment twice.")
    for limit in get_structures(parameters, "jobStateTimeLimitActions"):
        seconds, reason = get_number(limit, "maxTimeSeconds"), get_text(limit, "reason")
        if seconds is None or not limits.BATCH_STATE_SECONDS.allows(seconds):
            least, most = limits.BATCH_STATE_SECONDS.minimum, limits.BATCH_STATE_SECONDS.maximum
            yield client_exception(f"maxTimeSeconds must be between {least} and {most}.")
        if reason not in _TIME_LIMIT_REASONS:
            choices = ", ".join(_TIME_LIMIT_REASONS)
            yield client_exception(f"jobStateTimeLimitActions.reason must be one of {choices}.")
        if limit.get("action") != "CANCEL" or limit.get("state") != "RUNNABLE":
            yield client_exception(
                "jobStateTimeLimitActions must have the state RUNNABLE and the action CANCEL."
            )
