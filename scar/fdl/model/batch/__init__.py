"""AWS Batch: jobs and their compute environment.

``section`` is the section ``batch``, ``compute_resources`` the section in it with that name,
``job_overrides`` the entries of its lists `overrides` and `retry`.
"""

from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec
from scar.fdl.model.batch.job_overrides import ExitRetrySpec, JobOverrideSpec, ObjectMatchSpec
from scar.fdl.model.batch.section import BatchSpec

__all__ = [
    "BatchSpec",
    "ComputeResourcesSpec",
    "ExitRetrySpec",
    "JobOverrideSpec",
    "ObjectMatchSpec",
]
