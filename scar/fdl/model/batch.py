"""AWS Batch and its machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, StrictBool, model_validator

from scar.aws.model import limits
from scar.fdl.field_types import ReadableFile, TextList
from scar.fdl.model.base import EnvironmentSpec, FdlModel


class ComputeResourcesSpec(FdlModel):
    """The machines of a Batch compute environment."""

    type: Literal["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"] = Field(
        "EC2", description="`EC2`, `SPOT`, `FARGATE` or `FARGATE_SPOT`"
    )
    security_group_ids: TextList = Field(
        (), description="security groups; empty: the default VPC's"
    )
    subnets: TextList = Field((), description="subnets; empty: the default VPC's")
    desired_v_cpus: int = Field(0, ge=0, description="vCPUs at the start")
    min_v_cpus: int = Field(0, ge=0, description="vCPUs that are always there, and paid for")
    max_v_cpus: int = Field(2, ge=1, description="vCPUs that jobs may use at once")
    instance_types: TextList = Field(
        (), description="EC2 instance types or families; empty: Batch chooses"
    )
    disk: int = Field(
        0,
        ge=0,
        le=limits.EBS_VOLUME.maximum,
        description="GiB of disk of each instance, or of each task on Fargate (21 to 200);"
        " 0: what the service gives",
    )
    user_data: ReadableFile | None = Field(
        None, description="shell script that each instance runs first, or MIME multipart"
    )
    launch_template_name: str = Field("", description="accepted, not used: see disk, user_data")
    instance_role: str = Field("", description="ARN of an instance profile; empty: scar makes one")

    @property
    def is_fargate(self) -> bool:
        return self.type in ("FARGATE", "FARGATE_SPOT")

    @property
    def uses_shared_role(self) -> bool:
        """Whether they are EC2 instances with the role that scar creates once per Region."""
        return not (self.is_fargate or self.instance_role)


class BatchSpec(FdlModel):
    """AWS Batch, for the modes `batch` and `lambda-batch`."""

    boto_profile: str = Field("default", description="profile in ~/.aws/credentials")
    region: str = Field("", description="AWS Region; empty: the function's")
    vcpus: float = Field(1, gt=0, le=192, description="vCPUs of a job; fractions on Fargate only")
    memory: int = Field(
        1024, ge=4, description="MiB of a job; left out on Fargate: the least its vCPUs can have"
    )
    enable_gpu: StrictBool = Field(False, description="give each job a GPU")
    timeout: int = Field(86400, ge=60, description="seconds that one attempt of a job may take")
    attempts: int = Field(
        3, ge=1, le=10, description="attempts when the host is lost; failures are not repeated"
    )
    state: Literal["ENABLED", "DISABLED"] = Field("ENABLED", description="must be `ENABLED`")
    type: Literal["MANAGED"] = Field("MANAGED", description="must be `MANAGED`")
    environment: EnvironmentSpec = Field(
        EnvironmentSpec(), description="variables that jobs see, besides the container's"
    )
    service_role: str = Field("", description="ARN; empty: Batch's service-linked role")
    compute_resources: ComputeResourcesSpec = Field(
        ComputeResourcesSpec(), description="the machines"
    )

    @model_validator(mode="before")
    @classmethod
    def _set_fargate_memory(cls, value: object) -> object:
        """Give jobs on Fargate, which has no 1024 MiB for one vCPU, what it has."""
        if isinstance(value, Mapping) and "memory" not in value and _is_fargate(value):
            vcpus = str(value.get("vcpus", 1))
            if sizes := limits.FARGATE_MEMORY.get(vcpus.removesuffix(".0")):
                return {**value, "memory": min(sizes)}
        return value


def _is_fargate(batch: Mapping[str, object]) -> bool:
    machines = batch.get("compute_resources")
    return isinstance(machines, Mapping) and str(machines.get("type")).startswith("FARGATE")
