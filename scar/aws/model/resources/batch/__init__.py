"""Compute environments, job queues, scheduling policies, job definitions, launch templates.

``compute`` is what functions with equal compute resources share, ``job_definitions`` what each
function has of its own, and ``job_storage`` what its jobs mount and their resource limits.
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
from scar.aws.model.resources.batch.job_storage import FileSystemMount, JobUlimit, TmpfsMount

__all__ = [
    "VALID",
    "ComputeEnvironment",
    "ComputeType",
    "EnabledState",
    "FileSystemMount",
    "JobDefinition",
    "JobQueue",
    "JobUlimit",
    "LaunchTemplate",
    "Platform",
    "SchedulingPolicy",
    "TmpfsMount",
]
