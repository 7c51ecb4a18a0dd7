"""The names of the objects that describe an array, beside its manifest.

``array.json`` says what the array is of. Its job is recorded in the name of an empty object, so
that a listing shows the job's id and its size.
"""

from __future__ import annotations

DESCRIPTION = "array.json"
ARRAY_PREFIX = "array-"


def job_record_name(job: str, count: int, *, is_retry: bool = False) -> str:
    """Return the name of the object; ``is_retry``: the children are runs that failed before."""
    return f"job-{job}.{count}{'.retry' if is_retry else ''}"
