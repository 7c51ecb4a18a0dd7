"""Rules of array jobs and of dependencies between jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.batch.common import client_exception
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_number,
    get_structure,
    get_structures,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = ("N_TO_N", "SEQUENTIAL")


def check_array_and_dependencies(parameters: Parameters) -> Iterator[RuleViolation]:
    """The arrayProperties and dependsOn of SubmitJob."""
    array = get_structure(parameters, "arrayProperties")
    size = get_number(array, "size")
    if array and (size is None or not limits.BATCH_ARRAY_SIZE.allows(size)):
        least, most = limits.BATCH_ARRAY_SIZE.minimum, limits.BATCH_ARRAY_SIZE.maximum
        yield client_exception(f"Array size must be between {least} and {most}.")
    dependencies = get_structures(parameters, "dependsOn")
    if not limits.BATCH_DEPENDENCIES.allows(len(dependencies)):
        yield client_exception(
            f"dependsOn must have at most {limits.BATCH_DEPENDENCIES.maximum} jobs."
        )
    for dependency in dependencies:
        kind, job = get_text(dependency, "type"), get_text(dependency, "jobId")
        if kind not in (None, "", *_TYPES):
            yield client_exception(f"dependsOn.type must be one of {', '.join(_TYPES)}.")
        elif not job and kind != "SEQUENTIAL":
            yield client_exception("dependsOn.jobId is required, except for SEQUENTIAL.")
        elif not array and (kind == "N_TO_N" or not job):
            yield client_exception(f"dependsOn.type {kind} is for array jobs only.")
