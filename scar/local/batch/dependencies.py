"""dependsOn of SubmitJob: parsed, and checked against the jobs that exist.

AWS's own validation rules are in ``scar.aws.requests.rules.batch``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.local.batch.model import DependencyType, JobDependency
from scar.local.batch.submission import client_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.batch.model import BatchJob


def parse_dependencies(request: Mapping[str, Any]) -> tuple[JobDependency, ...]:
    """Return the entries of a valid request, each once, with job IDs instead of ARNs."""
    entries = (
        JobDependency(
            job_id=str(entry.get("jobId") or "").rpartition("/")[2],
            type=DependencyType(entry.get("type") or ""),
        )
        for entry in request.get("dependsOn") or []
    )
    return tuple(dict.fromkeys(entries))


def check_dependencies(job: BatchJob, find: Callable[[str], BatchJob | None]) -> None:
    """Raise BatchApiError if a job depends on what does not exist or does not fit.

    A dependency exists before its dependents, so that there are no cycles.
    """
    for dependency in job.depends_on:
        if not dependency.job_id:
            continue
        found = find(dependency.job_id)
        if found is None:
            raise client_error(f"dependsOn: the job {dependency.job_id} does not exist.")
        if dependency.type is not DependencyType.N_TO_N:
            continue
        if not found.is_array:
            raise client_error(f"dependsOn: N_TO_N requires that {found.id} is an array job.")
        if found.array_size != job.array_size:
            raise client_error(
                "dependsOn: N_TO_N requires array jobs of the same size, "
                f"{found.id} has {found.array_size} children, this job {job.array_size}."
            )
