"""Rules of job definitions and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_structure,
    get_structures,
    get_text,
    json_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

from scar.aws.requests.rules.batch.arrays import check_array_and_dependencies
from scar.aws.requests.rules.batch.common import (
    NAME,
    check_name,
    check_retry_and_timeout,
    check_size,
    check_variables,
    client_exception,
)
from scar.aws.requests.rules.batch.containers import check_platform
from scar.aws.requests.rules.batch.job_storage import check_storage
from scar.aws.requests.rules.batch.scheduling_policies import check_share_of_job
from scar.aws.requests.rules.tags import check_tags


def check_register_job_definition(parameters: Parameters) -> Iterator[RuleViolation]:
    """RegisterJobDefinition."""
    yield from check_name(parameters, "jobDefinitionName")
    yield from check_retry_and_timeout(parameters)
    container = get_structure(parameters, "containerProperties")
    platforms = parameters.get("platformCapabilities")
    fargate = isinstance(platforms, list | tuple) and "FARGATE" in platforms
    yield from _check_resource_requirements(container, fargate=fargate)
    yield from check_platform(container, fargate=fargate)
    if fargate and not container.get("executionRoleArn"):
        yield client_exception("executionRoleArn is required for FARGATE jobs.")
    yield from check_storage(container, fargate=fargate)
    yield from check_variables(get_structures(container, "environment"))
    yield from check_tags(parameters, "tags")
    yield from check_size(parameters, limits.BATCH_DEFINITION, "Job Definition")


def check_submit_job(parameters: Parameters) -> Iterator[RuleViolation]:
    """SubmitJob. ``overrides_failure`` is the rule that AWS applies to accepted jobs."""
    name = get_text(parameters, "jobName")
    if name is not None and not NAME.fullmatch(name):
        yield client_exception("Job name should match valid pattern")
    yield from check_array_and_dependencies(parameters)
    yield from check_retry_and_timeout(parameters)
    yield from check_variables(
        get_structures(get_structure(parameters, "containerOverrides"), "environment")
    )
    yield from check_share_of_job(parameters)
    yield from check_size(parameters, limits.BATCH_SUBMISSION, "Job")


def overrides_failure(parameters: Parameters) -> str | None:
    """Return the reason with which an accepted job ends FAILED, or None.

    SubmitJob accepts overrides that are too large; the job then fails without starting.
    """
    overrides = get_structure(parameters, "containerOverrides")
    if not overrides or limits.BATCH_OVERRIDES.allows(json_size(dict(overrides))):
        return None
    return f"Container Overrides length must be at most {limits.BATCH_OVERRIDES.maximum}"


def _check_resource_requirements(
    container: Parameters, *, fargate: bool
) -> Iterator[RuleViolation]:
    needs = {
        r.get("type"): str(r.get("value"))
        for r in get_structures(container, "resourceRequirements")
    }
    vcpus, memory = needs.get("VCPU"), needs.get("MEMORY")
    if vcpus is None or memory is None or not memory.isdigit():
        yield client_exception(
            "Container properties must give VCPU and MEMORY as resourceRequirements."
        )
        return
    if not limits.BATCH_MEMORY.allows(int(memory)):
        yield client_exception("Container memory must be at least 4 MiB.")
    if not fargate:
        if not vcpus.isdigit() or int(vcpus) < 1:
            yield client_exception("Container vcpus must be a whole number of at least 1.")
    elif int(memory) not in limits.FARGATE_MEMORY.get(vcpus, frozenset()):
        yield client_exception(
            f"Fargate resource requirements ({vcpus} vCPU, {memory} MiB) not valid."
        )
    gpus = needs.get("GPU")
    if gpus is not None and (not gpus.isdigit() or int(gpus) < 1):
        yield client_exception("GPU must be a whole number of at least 1.")
    if fargate and gpus is not None:
        yield client_exception("GPU is not supported on FARGATE.")
