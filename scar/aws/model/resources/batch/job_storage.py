"""What a job definition mounts, and its resource limits."""

from __future__ import annotations

from typing import NamedTuple


class FileSystemMount(NamedTuple):
    """A file system of EFS or S3 Files at a path of the job.

    ``file_system`` and ``access_point`` are ids for EFS and ARNs for S3 Files. ``access_point`` is
    empty for a volume of another kind, which another tool has added.
    """

    path: str
    file_system: str
    access_point: str
    read_only: bool = False

    @property
    def is_s3_files(self) -> bool:
        return self.access_point.startswith("arn:")


class TmpfsMount(NamedTuple):
    """A file system in memory; ``size`` in MiB."""

    path: str
    size: int
    options: tuple[str, ...] = ()


class JobUlimit(NamedTuple):
    """A resource limit with Docker's name; -1: unlimited."""

    name: str
    soft: int
    hard: int
