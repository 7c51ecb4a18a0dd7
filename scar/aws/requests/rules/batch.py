"""Batch's rules. Where AWS's own message is unknown, the message states the rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_number,
    get_structure,
    get_structures,
    get_text,
    json_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.limits import Limit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_FARGATE = ("FARGATE", "FARGATE_SPOT")
# docs: "Automatic remediation with jobStateTimeLimitActions", 2026-11.
_TIME_LIMIT_REASONS = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
_DEPENDENCY_TYPES = ("N_TO_N", "SEQUENTIAL")
_TYPES = ("EC2", "SPOT", *_FARGATE)


def check_register_job_definition(parameters: Parameters) -> Iterator[RuleViolation]:
    """RegisterJobDefinition."""
    yield from _check_name(parameters, "jobDefinitionName")
    yield from _check_retry_and_timeout(parameters)
    container = get_structure(parameters, "containerProperties")
    platforms = parameters.get("platformCapabilities")
    fargate = isinstance(platforms, list | tuple) and "FARGATE" in platforms
    yield from _check_resource_requirements(container, fargate=fargate)
    if fargate and not container.get("executionRoleArn"):
        yield _client_exception("executionRoleArn is required for FARGATE jobs.")
    yield from _check_variables(get_structures(container, "environment"))
    yield from _check_size(parameters, limits.BATCH_DEFINITION, "Job Definition")


def check_submit_job(parameters: Parameters) -> Iterator[RuleViolation]:
    """SubmitJob. ``overrides_failure`` is the rule that AWS applies to accepted jobs."""
    name = get_text(parameters, "jobName")
    if name is not None and not _NAME.fullmatch(name):
        yield _client_exception("Job name should match valid pattern")
    yield from _check_array_and_dependencies(parameters)
    yield from _check_retry_and_timeout(parameters)
    yield from _check_variables(
        get_structures(get_structure(parameters, "containerOverrides"), "environment")
    )
    yield from _check_size(parameters, limits.BATCH_SUBMISSION, "Job")


def overrides_failure(parameters: Parameters) -> str | None:
    """Return the reason with which an accepted job ends FAILED, or None.

    SubmitJob accepts overrides that are too large; the job then fails without starting.
    """
    overrides = get_structure(parameters, "containerOverrides")
    if not overrides or limits.BATCH_OVERRIDES.allows(json_size(dict(overrides))):
        return None
    return f"Container Overrides length must be at most {limits.BATCH_OVERRIDES.maximum}"


def check_create_compute_environment(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateComputeEnvironment."""
    yield from _check_name(parameters, "computeEnvironmentName")
    resources = get_structure(parameters, "computeResources")
    if not resources:
        if parameters.get("type") == "MANAGED":
            yield _client_exception("computeResources must be specified for a MANAGED environment.")
        return
    kind = get_text(resources, "type")
    if kind is not None and kind not in _TYPES:
        yield _client_exception(f"computeResources.type {kind} must be one of {', '.join(_TYPES)}.")
    if (get_number(resources, "maxvCpus") or 0) < 1:
        yield _client_exception("maxvCpus must be at least 1.")
    if (get_number(resources, "minvCpus") or 0) > (get_number(resources, "maxvCpus") or 0):
        yield _client_exception("minvCpus must not be greater than maxvCpus.")
    if not resources.get("subnets"):
        yield _client_exception("subnets must not be empty.")
    yield from (_check_fargate_resources if kind in _FARGATE else _check_instance_resources)(
        resources
    )


def check_create_job_queue(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateJobQueue."""
    yield from _check_name(parameters, "jobQueueName")
    environments = get_structures(parameters, "computeEnvironmentOrder")
    if not limits.BATCH_ENVIRONMENTS_PER_QUEUE.allows(len(environments)):
        most = limits.BATCH_ENVIRONMENTS_PER_QUEUE.maximum
        yield _client_exception(
            f"computeEnvironmentOrder must have 1 to {most} compute environments."
        )
    yield from check_update_job_queue(parameters)


def check_update_job_queue(parameters: Parameters) -> Iterator[RuleViolation]:
    """UpdateJobQueue: what Batch does with jobs that block the queue."""
    for limit in get_structures(parameters, "jobStateTimeLimitActions"):
        seconds, reason = get_number(limit, "maxTimeSeconds"), get_text(limit, "reason")
        if seconds is None or not limits.BATCH_STATE_SECONDS.allows(seconds):
            least, most = limits.BATCH_STATE_SECONDS.minimum, limits.BATCH_STATE_SECONDS.maximum
            yield _client_exception(f"maxTimeSeconds must be between {least} and {most}.")
        if reason not in _TIME_LIMIT_REASONS:
            choices = ", ".join(_TIME_LIMIT_REASONS)
            yield _client_exception(f"jobStateTimeLimitActions.reason must be one of {choices}.")
        if limit.get("action") != "CANCEL" or limit.get("state") != "RUNNABLE":
            yield _client_exception(
                "jobStateTimeLimitActions must have the state RUNNABLE and the action CANCEL."
            )


def _check_fargate_resources(resources: Parameters) -> Iterator[RuleViolation]:
    banned = (
        "allocationStrategy",
        "ec2Configuration",
        "ec2KeyPair",
        "imageId",
        "instanceRole",
        "instanceTypes",
        "launchTemplate",
        "minvCpus",
        "desiredvCpus",
    )
    for name in banned:
        if name in resources:
            yield _client_exception(f"{name} is not applicable to FARGATE compute environments.")
    if not resources.get("securityGroupIds"):
        yield _client_exception(
            "securityGroupIds must not be empty for FARGATE compute environments."
        )


def _check_instance_resources(resources: Parameters) -> Iterator[RuleViolation]:
    if not resources.get("instanceRole"):
        yield _client_exception("Instance role is required.")
    if not resources.get("instanceTypes"):
        yield _client_exception("At least one instance type must be provided.")
    needs_fleet = resources.get("allocationStrategy", "BEST_FIT") == "BEST_FIT"
    if resources.get("type") == "SPOT" and needs_fleet and not resources.get("spotIamFleetRole"):
        yield _client_exception("spotIamFleetRole is required for SPOT with BEST_FIT.")


def _check_array_and_dependencies(parameters: Parameters) -> Iterator[RuleViolation]:
    array = get_structure(parameters, "arrayProperties")
    size = get_number(array, "size")
    if array and (size is None or not limits.BATCH_ARRAY_SIZE.allows(size)):
        least, most = limits.BATCH_ARRAY_SIZE.minimum, limits.BATCH_ARRAY_SIZE.maximum
        yield _client_exception(f"Array size must be between {least} and {most}.")
    dependencies = get_structures(parameters, "dependsOn")
    if not limits.BATCH_DEPENDENCIES.allows(len(dependencies)):
        yield _client_exception(
            f"dependsOn must have at most {limits.BATCH_DEPENDENCIES.maximum} jobs."
        )
    for dependency in dependencies:
        kind, job = get_text(dependency, "type"), get_text(dependency, "jobId")
        if kind not in (None, "", *_DEPENDENCY_TYPES):
            yield _client_exception(
                f"dependsOn.type must be one of {', '.join(_DEPENDENCY_TYPES)}."
            )
        elif not job and kind != "SEQUENTIAL":
            yield _client_exception("dependsOn.jobId is required, except for SEQUENTIAL.")
        elif not array and (kind == "N_TO_N" or not job):
            yield _client_exception(f"dependsOn.type {kind} is for array jobs only.")


def _check_retry_and_timeout(parameters: Parameters) -> Iterator[RuleViolation]:
    """The retry strategy and the timeout, of a job definition or a job."""
    seconds = get_number(get_structure(parameters, "timeout"), "attemptDurationSeconds")
    if seconds is not None and not limits.BATCH_ATTEMPT_SECONDS.allows(seconds):
        yield _client_exception("attemptDurationSeconds must be at least 60 seconds.")
    retry = get_structure(parameters, "retryStrategy")
    attempts = get_number(retry, "attempts")
    if attempts is not None and not limits.BATCH_ATTEMPTS.allows(attempts):
        yield _client_exception("attempts must be between 1 and 10.")
    if not limits.BATCH_EXIT_RULES.allows(len(get_structures(retry, "evaluateOnExit"))):
        yield _client_exception("evaluateOnExit must have at most 5 rules.")


def _check_resource_requirements(
    container: Parameters, *, fargate: bool
) -> Iterator[RuleViolation]:
    needs = {
        r.get("type"): str(r.get("value"))
        for r in get_structures(container, "resourceRequirements")
    }
    vcpus, memory = needs.get("VCPU"), needs.get("MEMORY")
    if vcpus is None or memory is None or not memory.isdigit():
        yield _client_exception(
            "Container properties must give VCPU and MEMORY as resourceRequirements."
        )
        return
    if not limits.BATCH_MEMORY.allows(int(memory)):
        yield _client_exception("Container memory must be at least 4 MiB.")
    if not fargate:
        if not vcpus.isdigit() or int(vcpus) < 1:
            yield _client_exception("Container vcpus must be a whole number of at least 1.")
    elif int(memory) not in limits.FARGATE_MEMORY.get(vcpus, frozenset()):
        yield _client_exception(
            f"Fargate resource requirements ({vcpus} vCPU, {memory} MiB) not valid."
        )
    if fargate and "GPU" in needs:
        yield _client_exception("GPU is not supported on FARGATE.")


def _check_variables(environment: tuple[Parameters, ...]) -> Iterator[RuleViolation]:
    for variable in environment:
        name = str(variable.get("name", ""))
        if name.startswith("AWS_BATCH"):
            yield _client_exception(f"Environment variables must not start with AWS_BATCH: {name}.")


def _check_name(parameters: Parameters, where: str) -> Iterator[RuleViolation]:
    name = get_text(parameters, where)
    if name is not None and not _NAME.fullmatch(name):
        yield _client_exception(f"{where} {name!r} must match {_NAME.pattern}.")


def _check_size(parameters: Parameters, limit: Limit, what: str) -> Iterator[RuleViolation]:
    actual = json_size(dict(parameters))
    if not limit.allows(actual):
        yield _client_exception(
            f"{what} size must be less than {limit.maximum // limits.KIB} KiB,"
            f" got {-(-actual // limits.KIB)} KiB"
        )


def _client_exception(sentence: str) -> RuleViolation:
    return RuleViolation("ClientException", f"Error executing request, Exception : {sentence}")
