"""The status of a compute environment or job queue in Batch's description of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ComputeEnvironmentDetailTypeDef,
        JobQueueDetailTypeDef,
    )

    Description = ComputeEnvironmentDetailTypeDef | JobQueueDetailTypeDef

INVALID = "INVALID"
_DELETED = "DELETED"
_NO_REASON = "Batch gives no reason"


def status_of(found: Description | None) -> str:
    """Return Batch's status; empty if it does not exist. Deleted ones are listed for some time."""
    status = found.get("status", "") if found else ""
    return "" if status == _DELETED else status


def reason_of(found: Description | None) -> str:
    """Return Batch's reason for the status."""
    return (found.get("statusReason", "") if found else "") or _NO_REASON


def environments_of(found: JobQueueDetailTypeDef) -> list[str]:
    """Return the names of a queue's compute environments, in the order in which it uses them."""
    ordered = sorted(found.get("computeEnvironmentOrder", []), key=lambda e: e["order"])
    return [e["computeEnvironment"].rpartition("/")[2] for e in ordered]
