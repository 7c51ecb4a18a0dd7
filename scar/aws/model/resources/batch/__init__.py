"""Compute environments, job queues, scheduling policies, job definitions, launch templates.

``compute`` is what functions with equal compute resources share, ``job_definitions`` what each
function has of its own.
"""

from scar.aws.model.resources.batch.compute import (
    VALID,
    ComputeEnvironment,
    ComputeType,
    EnabledState,
    JobQueue,
    LaunchTemplate,
    SchedulingPolicy,
)
from scar.aws.model.resources.batch.job_definitions import JobDefinition, Platform

__all__ = [
    "VALID",
    "ComputeEnvironment",
    "ComputeType",
    "EnabledState",
    "JobDefinition",
    "JobQueue",
    "LaunchTemplate",
    "Platform",
    "SchedulingPolicy",
]
