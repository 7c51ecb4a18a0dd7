"""AWS Batch: jobs and their compute environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, StrictBool, model_validator

from scar.aws.model import limits
from scar.fdl.field_types import TextList, UserDataFile
from scar.fdl.model.base import EnvironmentSpec, FdlModel


class ComputeResourcesSpec(FdlModel):
    """The compute environment that jobs run in: EC2 instances or Fargate tasks."""

    type: Literal["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"] = Field(
        "EC2",
        description="`EC2` (On-Demand Instances), `SPOT` (Spot Instances), `FARGATE` or"
        " `FARGATE_SPOT`",
    )
    security_group_ids: TextList = Field(
        (), description="security group IDs; empty: the default security group of the VPC"
    )
    subnets: TextList = Field((), description="subnet IDs; empty: those of the default VPC")
    desired_v_cpus: int = Field(
        0, ge=0, description="must be 0 or omitted: AWS Batch scales by itself"
    )
    min_v_cpus: int = Field(
        0,
        ge=0,
        description="minimum vCPUs on EC2, which run and cost money even without jobs; 0: instances"
        " run only while there are jobs",
    )
    max_v_cpus: int = Field(2, ge=1, description="maximum vCPUs that all running jobs use together")
    instance_types: TextList = Field(
        (),
        description="EC2 instance types or families of `lambda.architecture`; empty: AWS Batch"
        " chooses, or a GPU family with `enable_gpu`",
    )
    disk: int = Field(
        0,
        ge=0,
        le=limits.EBS_VOLUME.maximum,
        description="disk size in GiB: an EC2 instance's root volume, or a Fargate task's ephemeral"
        " storage (21 to 200); 0: the service's default (20 GiB on Fargate)",
    )
    user_data: UserDataFile | None = Field(
        None,
        description="file with EC2 user data, which each instance runs when it starts: a shell"
        " script or MIME multipart; relative to this file",
    )
    launch_template_name: str = Field(
        "", description="accepted, not used: see `disk` and `user_data`"
    )
    instance_role: str = Field(
        "", description="ARN of the instance profile of EC2 instances; empty: scar creates one"
    )

    @property
    def is_fargate(self) -> bool:
        return self.type in ("FARGATE", "FARGATE_SPOT")

    @property
    def uses_shared_role(self) -> bool:
        """True for EC2 instances with the instance role that scar creates once per Region."""
        return not (self.is_fargate or self.instance_role)


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
    cluster: StrictBool = Field(
        False,
        description="jobs may form dask clusters: workers of `scar.cluster.BatchCluster` and `scar"
        " cluster start`; the job role may then submit and end the function's own jobs",
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
