"""The share of a function's jobs in a job queue with fair-share scheduling."""

from pydantic import Field

from scar.aws.model import limits
from scar.fdl.model.deferred import DeferredModel


class SchedulingSpec(DeferredModel):
    """Fair-share scheduling: whose share the jobs use, and their priority in it."""

    share: str = Field(
        "",
        description="share identifier, letters and digits: shares that wait get equal vCPUs of the"
        " job queue, or by the weights in `compute_resources.shares`; empty: first in, first out",
        examples=["labA"],
    )
    priority: int = Field(
        0,
        ge=0,
        le=limits.BATCH_SCHEDULING_PRIORITY.maximum,
        description="among the jobs of one share, those with a higher priority start first (0 to"
        " 9999)",
    )
