"""AWS Batch: jobs and their compute environment.

``section`` is the section ``batch``; ``compute_resources``, ``compute_environments`` and
``scheduling`` are the sections in it with these names, ``disk`` is the one in the first,
``storage`` has its file systems and resource limits, and ``job_overrides`` the entries of its lists
`overrides` and `retry`, ``nodes`` is the section of multi-node jobs, and ``array`` how events are
gathered into array jobs. ``queues`` are the job queues that they describe together.
"""

from scar.fdl.model.batch.array import ArraySpec
from scar.fdl.model.batch.compute_environments import ComputeEnvironmentSpec
from scar.fdl.model.batch.compute_resources import PRESET_TYPES, ComputeResourcesSpec
from scar.fdl.model.batch.disk import DiskSpec
from scar.fdl.model.batch.job_overrides import ExitRetrySpec, JobOverrideSpec, ObjectMatchSpec
from scar.fdl.model.batch.nodes import MultiNodeSpec
from scar.fdl.model.batch.queues import QueueSpec, fits_strategy
from scar.fdl.model.batch.scheduling import SchedulingSpec
from scar.fdl.model.batch.section import BatchSpec
from scar.fdl.model.batch.storage import JobFileSystemSpec, TmpfsSpec, UlimitSpec

__all__ = [
    "PRESET_TYPES",
    "ArraySpec",
    "BatchSpec",
    "ComputeEnvironmentSpec",
    "ComputeResourcesSpec",
    "DiskSpec",
    "ExitRetrySpec",
    "JobFileSystemSpec",
    "JobOverrideSpec",
    "MultiNodeSpec",
    "ObjectMatchSpec",
    "QueueSpec",
    "SchedulingSpec",
    "TmpfsSpec",
    "UlimitSpec",
    "fits_strategy",
]
