"""Several compute environments of one job queue."""

from pydantic import Field

from scar.aws.model import limits
from scar.fdl.field_types import TextList
from scar.fdl.model.batch.compute_resources import AllocationStrategy, EnvironmentType
from scar.fdl.model.deferred import DeferredModel


class ComputeEnvironmentSpec(DeferredModel):
    """One compute environment of several; omitted keys are those of `compute_resources`."""

    type: EnvironmentType | None = Field(
        None, description="`EC2` and `SPOT`, or `FARGATE` and `FARGATE_SPOT`: these do not mix"
    )
    instance_types: TextList | None = Field(
        None, description="EC2 instance types or families of `lambda.architecture`"
    )
    min_v_cpus: int | None = Field(None, ge=0, description="minimum vCPUs on EC2")
    max_v_cpus: int | None = Field(None, ge=1, description="maximum vCPUs of this environment")
    allocation_strategy: AllocationStrategy | None = Field(
        None, description="how AWS Batch chooses among instance types"
    )
    bid_percentage: int | None = Field(
        None,
        ge=1,
        le=limits.BATCH_BID_PERCENTAGE.maximum,
        description="`SPOT` only: the most that an instance may cost, in percent of its On-Demand"
        " price",
    )
    scale_down_delay: int | None = Field(
        None,
        ge=0,
        le=limits.BATCH_SCALE_DOWN_MINUTES.maximum,
        description="minutes that an EC2 instance stays after its last job",
    )
