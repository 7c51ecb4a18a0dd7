"""AWS Batch: jobs and their compute environment.

``section`` is the section ``batch``, ``compute_resources`` the section in it with that name, and
``disk`` the one in that, and ``storage`` has its file systems and resource limits.
"""

from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec
from scar.fdl.model.batch.disk import DiskSpec
from scar.fdl.model.batch.section import BatchSpec
from scar.fdl.model.batch.storage import JobFileSystemSpec, TmpfsSpec, UlimitSpec

__all__ = [
    "BatchSpec",
    "ComputeResourcesSpec",
    "DiskSpec",
    "JobFileSystemSpec",
    "TmpfsSpec",
    "UlimitSpec",
]
