"""AWS Batch: jobs and their compute environment.

``section`` is the section ``batch``, ``compute_resources`` the section in it with that name,
``array`` how events are gathered into array jobs.
"""

from scar.fdl.model.batch.array import ArraySpec
from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec
from scar.fdl.model.batch.section import BatchSpec

__all__ = [
    "ArraySpec",
    "BatchSpec",
    "ComputeResourcesSpec",
]
