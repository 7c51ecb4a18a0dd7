"""Statements for the file systems that functions and jobs mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import PolicyStatement, allow_statement
from scar.aws.compile.policies.patterns import literal_value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_S3_FILES = ":s3files:"


def mount_statements(
    mounts: Iterable[tuple[str, str]], read_only: Collection[str] = ()
) -> list[PolicyStatement]:
    """Allow to mount file systems through access points, pairs of their ARNs.

    Those in ``read_only`` can be read only. Actions and condition keys of EFS and S3 Files have the
    same names ("How S3 Files works with IAM"; Service Authorization Reference of EFS).
    """
    return [
        _mount_statement(file_system, point, is_read_only=point in read_only)
        for file_system, point in dict.fromkeys(mounts)
    ]


def _mount_statement(file_system: str, point: str, *, is_read_only: bool) -> PolicyStatement:
    service = "s3files" if _S3_FILES in point else "elasticfilesystem"
    actions = ("ClientMount",) if is_read_only else ("ClientMount", "ClientWrite")
    return allow_statement(
        *(f"{service}:{action}" for action in actions),
        Resource=file_system,
        Condition={"StringEquals": {f"{service}:AccessPointArn": literal_value(point)}},
    )
