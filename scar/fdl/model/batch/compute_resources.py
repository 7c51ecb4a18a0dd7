"""The compute environment that jobs run in."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from scar.aws.model import limits
from scar.fdl.field_types import TextList, UserDataFile
from scar.fdl.model.base import NetworkSpec
from scar.fdl.model.batch.disk import DiskSpec, size_to_disk
from scar.fdl.model.deferred import DeferredModel
from scar.fdl.values.aws_names import InstanceProfile, SecurityGroupIds, SubnetIds

EnvironmentType = Literal["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"]
# Without BEST_FIT: such environments cannot be updated, and SPOT would need a Spot Fleet role.
AllocationStrategy = Literal[
    "BEST_FIT_PROGRESSIVE",
    "BEST_FIT_PROGRESSIVE_ORDERED",
    "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "SPOT_CAPACITY_OPTIMIZED",
    "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
]
Preset = Literal["ondemand", "spot", "dual", "fargate", "fargate-spot"]
QueueName = Literal["default", "priority"]

PRESET_TYPES: dict[str, EnvironmentType] = {
    "ondemand": "EC2",
    "spot": "SPOT",
    "fargate": "FARGATE",
    "fargate-spot": "FARGATE_SPOT",
}
"""The type of the environment of each preset with one environment."""


class ComputeResourcesSpec(DeferredModel):
    """The compute environment that jobs run in: EC2 instances or Fargate tasks."""

    alternate_keys: ClassVar = NetworkSpec.alternate_keys

    preset: Preset | None = Field(
        None,
        description="instead of `type`: `ondemand`, `spot`, `fargate`, `fargate-spot`, or `dual`:"
        " an On-Demand and a Spot environment with two job queues, see `queue`",
    )
    queue: QueueName | None = Field(
        None,
        description="with `preset: dual`: `default` (priority 1, Spot Instances only; if omitted)"
        " or `priority` (priority 100, On-Demand Instances first, then Spot Instances)",
    )
    type: EnvironmentType = Field(
        "EC2",
        description="`EC2` (On-Demand Instances), `SPOT` (Spot Instances), `FARGATE` or"
        " `FARGATE_SPOT`",
    )
    security_group_ids: SecurityGroupIds = Field(
        (), description="security group IDs; empty: the default security group of the VPC"
    )
    subnets: SubnetIds = Field((), description="subnet IDs; empty: those of the default VPC")
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
        " chooses, or a family with as many GPUs as `gpus`",
    )
    allocation_strategy: AllocationStrategy | None = Field(
        None,
        description="how AWS Batch chooses among instance types; default: `BEST_FIT_PROGRESSIVE`"
        " for `EC2`, `SPOT_PRICE_CAPACITY_OPTIMIZED` for `SPOT`",
    )
    bid_percentage: int = Field(
        0,
        ge=0,
        le=limits.BATCH_BID_PERCENTAGE.maximum,
        description="`SPOT` only: the most that an instance may cost, in percent of its On-Demand"
        " price (1 to 100); 0: 100",
    )
    scale_down_delay: int = Field(
        0,
        ge=0,
        le=limits.BATCH_SCALE_DOWN_MINUTES.maximum,
        description="minutes that an EC2 instance stays, and costs money, after its last job (20 to"
        " 10080); 0: until AWS Batch terminates it, soon after",
    )
    wait_limit: int = Field(
        0,
        ge=0,
        le=limits.BATCH_STATE_SECONDS.maximum,
        description="seconds after which a job is cancelled that waits at the head of its queue for"
        " instances that AWS does not have (600 to 86400); 0: it waits",
    )
    shares: dict[str, float] = Field(
        {},
        description="weights of the shares of the job queue (`weightFactor`), by share identifier"
        " or prefix with `*`: a share with half the weight gets twice the vCPUs; 1.0 for others",
        examples=[{"labA": 0.5, "labB": 1.0}],
    )
    disk: Annotated[DiskSpec, BeforeValidator(size_to_disk)] = Field(
        DiskSpec.model_construct(), description="the disk: its size in GiB, or a section"
    )
    user_data: UserDataFile | None = Field(
        None,
        description="file with EC2 user data, which each instance runs when it starts: a shell"
        " script or MIME multipart; relative to this file",
    )
    launch_template_name: str = Field(
        "", description="accepted, not used: see `disk` and `user_data`"
    )
    instance_role: InstanceProfile = Field(
        "", description="ARN of the instance profile of EC2 instances; empty: scar creates one"
    )

    @model_validator(mode="after")
    def _set_type_of_preset(self) -> Self:
        """Set the type that the preset means, unless the file has a type."""
        kind = PRESET_TYPES.get(self.preset or "")
        if kind is not None and "type" not in self.model_fields_set:
            # Past the frozen model, so that `type` does not count as one that was set.
            object.__setattr__(self, "type", kind)
        return self

    @property
    def is_fargate(self) -> bool:
        return self.type in ("FARGATE", "FARGATE_SPOT")

    @property
    def uses_shared_role(self) -> bool:
        """True for EC2 instances with the instance role that scar creates once per Region."""
        return not (self.is_fargate or self.instance_role)
