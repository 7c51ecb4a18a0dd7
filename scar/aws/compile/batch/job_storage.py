"""What a function's jobs mount, and their resource limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from scar.aws.compile.file_systems import s3_file_system_arn
from scar.aws.model.resources import FileSystemMount, JobUlimit, TmpfsMount
from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.fdl.model import BatchSpec, JobFileSystemSpec


class JobStorage(TypedDict):
    """The fields of a job definition that this module compiles."""

    file_systems: tuple[FileSystemMount, ...]
    shared_memory: int
    tmpfs: tuple[TmpfsMount, ...]
    ulimits: tuple[JobUlimit, ...]


def compile_storage(batch: BatchSpec, file_systems: Mapping[str, str]) -> JobStorage:
    """Return the fields, sorted by path and name, as they are read from a job definition.

    ``file_systems`` are the ids of EFS file systems, by the ARN of an access point. Raise
    ConfigurationError if one is neither there nor in the FDL.
    """
    return JobStorage(
        file_systems=tuple(
            sorted(_file_system_mount(item, file_systems) for item in batch.file_system)
        ),
        shared_memory=batch.shared_memory,
        tmpfs=tuple(
            sorted(TmpfsMount(item.path, item.size, item.mount_options) for item in batch.tmpfs)
        ),
        ulimits=tuple(
            sorted(JobUlimit(name, item.soft, item.hard) for name, item in batch.ulimits.items())
        ),
    )


def _file_system_mount(item: JobFileSystemSpec, file_systems: Mapping[str, str]) -> FileSystemMount:
    if item.is_s3_files:
        file_system = s3_file_system_arn(item.arn)
        return FileSystemMount(item.path, file_system, item.arn, item.read_only)
    file_system = item.file_system_id or file_systems.get(item.arn, "")
    if not file_system:
        raise ConfigurationError(
            f"The file system of the access point {item.arn} is not known.",
            remedy="Set file_system_id beside it in batch.file_system.",
        )
    return FileSystemMount(item.path, file_system, item.access_point_id, item.read_only)
