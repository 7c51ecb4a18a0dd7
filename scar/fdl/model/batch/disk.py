"""The disk of the instances or tasks that jobs run on."""

from pydantic import Field, StrictBool

from scar.aws.model.disks.ebs_volumes import RootVolumeType
from scar.fdl.model.deferred import DeferredModel


class DiskSpec(DeferredModel):
    """The disk of an instance or task; `disk: 500` is short for `disk: {size: 500}`."""

    size: int = Field(
        0,
        ge=0,
        description="GiB: an EC2 instance's root volume (30 or more, as the image that it starts"
        " from), or a Fargate task's ephemeral storage (21 to 200); 0: the service's default (30"
        " GiB on EC2, 20 GiB on Fargate)",
    )
    type: RootVolumeType = Field(
        "gp3", description="EBS volume type on EC2: `gp3`, `gp2`, `io1` or `io2`"
    )
    iops: int = Field(
        0,
        ge=0,
        description="provisioned IOPS of `gp3` (3,000 to 80,000; 0: 3,000), `io1` (100 to 64,000)"
        " or `io2` (100 to 256,000)",
    )
    throughput: int = Field(
        0, ge=0, description="MiB/s of `gp3` (125 to 2,000; 0: 125), at most a quarter of `iops`"
    )
    instance_store: StrictBool = Field(
        False,
        description="put images and the files of containers on the instance's NVMe disks, which"
        " instance types such as c6id, m6id or g5 have",
    )


def size_to_disk(value: object) -> object:
    """Convert a size to a disk of that size."""
    return {"size": value} if isinstance(value, int | str) else value
