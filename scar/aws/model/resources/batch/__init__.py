"""Compute environments, job queues, job definitions and launch templates of Batch.

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
    "TmpfsMount",
]
