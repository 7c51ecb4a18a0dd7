"""The file systems that functions and jobs mount: their ARNs, for the policies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.compile.policies import DataFlow
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function


def add_file_systems(flow: DataFlow, function: Function) -> DataFlow:
    """Return the data flow with the file systems of the function and of its jobs."""
    mounts = function.batch.file_system if function.batch else ()
    written = {mount.arn for mount in mounts if not mount.read_only}
    return replace(
        flow,
        file_systems=tuple(
            (_file_system_arn(item.arn, flow.account), item.arn)
            for item in function.lambda_.file_system
        ),
        job_file_systems=tuple(
            (_file_system_arn(mount.arn, flow.account), mount.arn) for mount in mounts
        ),
        read_only_access_points=frozenset(m.arn for m in mounts if m.arn not in written),
    )


def unknown_file_systems(functions: Iterable[Function], value: str = "fs") -> dict[str, str]:
    """Return a value for each access point whose EFS file system the FDL does not name."""
    return {
        item.arn: value
        for function in functions
        if function.batch is not None
        for item in function.batch.file_system
        if not (item.is_s3_files or item.file_system_id)
    }


def s3_file_system_arn(access_point: str) -> str:
    """Return the ARN of the S3 Files file system, which that of the access point begins with."""
    return access_point.partition("/access-point/")[0]


def _file_system_arn(access_point: str, account: Account) -> str:
    """Return the ARN of the file system, or a pattern.

    The ARN of an EFS access point does not name the file system. Any is allowed, because the access
    point, which the policy names too, belongs to exactly one.
    """
    if ":s3files:" in access_point:
        return s3_file_system_arn(access_point)
    return account.arn("elasticfilesystem", "file-system/*")
