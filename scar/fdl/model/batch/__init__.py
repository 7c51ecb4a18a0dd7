"""AWS Batch: jobs and their compute environment.

``section`` is the section ``batch``; ``compute_resources``, ``compute_environments`` and
``scheduling`` are the sections in it with these names, ``disk`` is the one in the first, and
``storage`` has its file systems and resource limits. ``queues`` are the job queues that they
describe together. ``array`` is how events are gathered into array jobs.
"""

from scar.fdl.model.batch.array import ArraySpec
from scar.fdl.model.batch.compute_environments import ComputeEnvironmentSpec
from scar.fdl.model.batch.compute_resources import PRESET_TYPES, ComputeResourcesSpec
from scar.fdl.model.batch.disk import DiskSpec
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
    "JobFileSystemSpec",
    "QueueSpec",
    "SchedulingSpec",
    "TmpfsSpec",
    "UlimitSpec",
    "fits_strategy",
]
