"""The section ``batch``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, StrictBool, model_validator

from scar.aws.model import limits
from scar.fdl.model.base import EnvironmentSpec, FdlModel
from scar.fdl.model.batch.array import ArraySpec
from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec


class BatchSpec(FdlModel):
    """AWS Batch, for `execution_mode: batch` and `lambda-batch`."""

    enabled: StrictBool = Field(
        True,
        description="`false`: the function has no part in Batch; `execution_mode: lambda-batch` is"
        " then the same as `lambda`",
    )
    boto_profile: str = Field(
        "default", description="accepted, not used: see `lambda.boto_profile`"
    )
    region: str = Field("", description="accepted, not used: see `lambda.region`")
    vcpus: float = Field(
        1, gt=0, le=192, description="vCPUs of each job; fractions on Fargate only"
    )
    memory: int = Field(
        1024,
        ge=4,
        description="memory of each job in MiB, less than that of the instance type, which keeps"
        " about 5%; default on Fargate: the least that AWS offers for `vcpus`",
    )
    enable_gpu: StrictBool = Field(
        False, description="each job uses one GPU; on instances of the architecture x86_64 only"
    )
    timeout: int = Field(
        86400, ge=60, description="job attempt timeout in seconds, at least 60; 86400 is one day"
    )
    attempts: int = Field(
        3,
        ge=1,
        le=10,
        description="job attempts (1 to 10), if the host is terminated, a Spot Instance or task is"
        " interrupted, or the container does not start (image not pulled, for instance); a job"
        " whose script fails is not retried",
    )
    array: ArraySpec | None = Field(
        None,
        description="gather the events of new objects in an SQS queue, and submit them as array"
        " jobs, so that thousands of uploads become a few submissions; null: a job for each"
        " object. For `execution_mode: batch` only",
    )
    state: Literal["ENABLED", "DISABLED"] = Field(
        "ENABLED", description="must be `ENABLED`: jobs would not run otherwise"
    )
    type: Literal["MANAGED"] = Field("MANAGED", description="must be `MANAGED`")
    environment: EnvironmentSpec = Field(
        EnvironmentSpec(),
        description="environment variables of jobs, added to those of `lambda.environment` and of"
        " the container; takes precedence over `lambda.environment`",
    )
    service_role: str = Field(
        "", description="ARN of AWS Batch's service role; empty: its service-linked role"
    )
    compute_resources: ComputeResourcesSpec = Field(
        ComputeResourcesSpec(), description="the compute environment that jobs run in"
    )

    @model_validator(mode="before")
    @classmethod
    def _set_fargate_memory(cls, value: object) -> object:
        """Set the default memory on Fargate, which does not offer 1024 MiB with one vCPU."""
        if isinstance(value, Mapping) and "memory" not in value and _is_fargate(value):
            vcpus = str(value.get("vcpus", 1))
            if sizes := limits.FARGATE_MEMORY.get(vcpus.removesuffix(".0")):
                return {**value, "memory": min(sizes)}
        return value


def _is_fargate(batch: Mapping[str, object]) -> bool:
    compute = batch.get("compute_resources")
    return isinstance(compute, Mapping) and str(compute.get("type")).startswith("FARGATE")
