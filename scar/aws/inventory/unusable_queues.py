"""Find out why Batch cannot start the jobs of a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.aws.handlers.batch.statuses import INVALID, environments_of, reason_of, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_batch import BatchClient


def describe_unusable(batch: BatchClient, queue: str) -> str:
    """Return why the jobs of a queue cannot start, with Batch's reason; empty if they can.

    The queue or all its compute environments are INVALID, or do not exist.
    """
    with translate_errors(f"describe the job queue {queue}"):
        queues = batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
    found = next((q for q in queues if status_of(q)), None)
    if found is None:
        return f"job queue {queue} does not exist"
    if status_of(found) == INVALID:
        return f"job queue {queue} is INVALID: {reason_of(found)}"
    used = environments_of(found)
    with translate_errors(f"describe the compute environment of {queue}"):
        environments = batch.describe_compute_environments(computeEnvironments=used)
    found_environments = environments["computeEnvironments"]
    if not all(status_of(e) == INVALID for e in found_environments):
        return ""  # jobs start in the others
    invalid = (
        f"compute environment {e['computeEnvironmentName']} is INVALID: {reason_of(e)}"
        for e in found_environments
    )
    return next(invalid, "")


def describe_all_unusable(batch: BatchClient, queues: Iterable[str]) -> dict[str, str]:
    """Return the reasons of ``describe_unusable`` for the queues that have one."""
    reasons = {queue: describe_unusable(batch, queue) for queue in sorted({*queues})}
    return {queue: reason for queue, reason in reasons.items() if reason}
