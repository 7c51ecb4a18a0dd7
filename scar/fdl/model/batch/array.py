"""The section ``batch.array``."""

from pydantic import Field

from scar.aws.model import limits
from scar.fdl.model.deferred import DeferredModel


class ArraySpec(DeferredModel):
    """New objects are gathered for a time, and submitted together as one array job."""

    window: int = Field(
        30,
        ge=limits.EVENT_SOURCE_WINDOW.minimum,
        le=limits.EVENT_SOURCE_WINDOW.maximum,
        description="seconds for which events are gathered before the function is invoked with"
        " them, 0 to 300; 0 needs a `size` of at most 10",
    )
    size: int = Field(
        10_000,
        ge=limits.BATCH_ARRAY_SIZE.minimum,
        le=limits.BATCH_ARRAY_SIZE.maximum,
        description="most objects of one array job, 2 to 10000; Lambda's limit of 6 MB for an"
        " event is reached at about 4000 objects",
    )
