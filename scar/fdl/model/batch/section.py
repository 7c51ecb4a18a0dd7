"""The section ``batch``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, StrictBool, model_validator

from scar.aws.model import limits
from scar.fdl.model.base import EnvironmentSpec, FdlModel
from scar.fdl.model.batch.compute_environments import ComputeEnvironmentSpec
from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec
from scar.fdl.model.batch.queues import QueueSpec, queues_of
from scar.fdl.model.batch.scheduling import SchedulingSpec


class BatchSpec(FdlModel):
    """AWS Batch, for `execution_mode: batch` and `lambda-batch`."""

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
    compute_environments: tuple[ComputeEnvironmentSpec, ...] = Field(
        (),
        description="up to 3 compute environments of the function's job queue, in the order in"
        " which AWS Batch uses them",
    )
    scheduling: SchedulingSpec = Field(
        SchedulingSpec(), description="fair-share scheduling of the job queue"
    )

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """The job queue of the function's jobs, then the others of the preset."""
        return queues_of(self.compute_resources, self.compute_environments)

    @property
    def environments(self) -> tuple[ComputeResourcesSpec, ...]:
        """The compute environments of the function's job queue, in its order."""
        return self.queues[0].environments

    @model_validator(mode="after")
    def _set_type_of_environments(self) -> Self:
        """Set the type of the first environment, unless the file has one for all."""
        compute = self.compute_resources
        first = self.compute_environments[0].type if self.compute_environments else None
        if first and compute.preset is None and "type" not in compute.model_fields_set:
            resolved = compute.model_copy(update={"type": first})
            resolved.model_fields_set.discard("type")
            object.__setattr__(self, "compute_resources", resolved)
        return self

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
    """Return whether the first environment, as written in the file, is one of Fargate."""
    compute, entries = batch.get("compute_resources"), batch.get("compute_environments")
    first = entries[0] if isinstance(entries, list) and entries else None
    return any(
        isinstance(section, Mapping)
        and (
            str(section.get("type")).startswith("FARGATE")
            or str(section.get("preset")).startswith("fargate")
        )
        for section in (compute, first)
    )
