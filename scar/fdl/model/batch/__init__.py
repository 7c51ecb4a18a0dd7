"""AWS Batch: jobs and their compute environment.

``section`` is the section ``batch``, ``compute_resources`` the section in it with that name,
``nodes`` that of multi-node jobs.
"""

from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec
from scar.fdl.model.batch.nodes import MultiNodeSpec
from scar.fdl.model.batch.section import BatchSpec

__all__ = [
    "BatchSpec",
    "ComputeResourcesSpec",
    "MultiNodeSpec",
]
