"""The compute environment that jobs run in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scar.aws.model import limits
from scar.fdl.field_types import TextList, UserDataFile
from scar.fdl.model.base import FdlModel


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
        0,
        ge=0,
        description="accepted, not used: AWS Batch changes it with the number of jobs, `min_v_cpus`"
        " keeps instances running",
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
