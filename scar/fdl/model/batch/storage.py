"""File systems, memory file systems and resource limits of jobs."""

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, StrictBool

from scar.aws.model.containers.ulimits import UNLIMITED
from scar.fdl.field_types import TextList, check_number
from scar.fdl.model.deferred import DeferredModel

# model: FileSystemConfig.Arn of Lambda and S3FilesVolumeConfiguration of Batch; the ids of EFS may
# have 8 digits (model: AccessPointId of EFS).
ACCESS_POINT_ARN = (
    r"^arn:[^:]+:(elasticfilesystem:[^:]*:[^:]*:access-point"
    r"|s3files:[^:]*:[^:]*:file-system/fs-[0-9a-f]{8,40}/access-point)/fsap-.+$"
)
EFS_ACCESS_POINT = (
    "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
)
# Batch names no pattern. Docker separates the parts of a mount with ":" and ",", and a path that a
# shell would have to quote is in no image.
MountPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_.-]+)+$", max_length=255)]


class JobFileSystemSpec(DeferredModel):
    """A file system that jobs mount through an access point of Amazon EFS or Amazon S3 Files."""

    arn: Annotated[str, Field(pattern=ACCESS_POINT_ARN)] = Field(
        description="ARN of the access point, of Amazon EFS or Amazon S3 Files; required",
        examples=[EFS_ACCESS_POINT],
    )
    path: MountPath = Field(description="mount path in the job; required", examples=["/mnt/data"])
    read_only: StrictBool = Field(
        False, description="`true`: jobs can read the file system, but not change it"
    )
    file_system_id: Annotated[str, Field(pattern=r"^(fs-[0-9a-f]{8,40})?$")] = Field(
        "",
        description="ID of the EFS file system that the access point belongs to; empty: `scar init`"
        " reads it from the account, and it is a parameter of the template of `scar export`",
    )

    @property
    def is_s3_files(self) -> bool:
        return ":s3files:" in self.arn

    @property
    def access_point_id(self) -> str:
        return self.arn.rpartition("/")[2]


class TmpfsSpec(DeferredModel):
    """A file system in memory, empty when the job starts."""

    path: MountPath = Field(description="mount path in the job; required", examples=["/scratch"])
    size: int = Field(
        ge=1, description="size in MiB, a part of the job's memory; required", examples=[256]
    )
    mount_options: TextList = Field(
        (),
        description="mount options, such as `exec` or `mode=700`; empty: Docker's, which are `rw`,"
        " `noexec`, `nosuid` and `nodev`",
    )


class UlimitSpec(DeferredModel):
    """A resource limit of jobs; a number sets both values."""

    alternate_keys: ClassVar = {"softLimit": "soft", "hardLimit": "hard"}

    soft: int = Field(
        ge=UNLIMITED,
        description="soft limit, in the unit of the resource; -1: unlimited; required",
        examples=[65536],
    )
    hard: int = Field(
        ge=UNLIMITED,
        description="hard limit, to which a process may raise its soft limit; required",
        examples=[65536],
    )


def _to_limits(value: object) -> object:
    """Convert a number to the soft and the hard limit."""
    if not isinstance(value, int | float | str):
        return value
    number = check_number(value)
    return {"soft": number, "hard": number}


Ulimit = Annotated[UlimitSpec, BeforeValidator(_to_limits)]
