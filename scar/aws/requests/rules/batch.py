"""Batch's rules. Where AWS's own words were never seen, the message says the rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    Violation,
    items,
    number,
    part,
    size,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.limits import Limit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_FARGATE = ("FARGATE", "FARGATE_SPOT")
_TYPES = ("EC2", "SPOT", *_FARGATE)


def define(parameters: Parameters) -> Iterator[Violation]:
    """RegisterJobDefinition."""
    yield from _name(parameters, "jobDefinitionName")
    yield from _run(parameters)
    container = part(parameters, "containerProperties")
    platforms = parameters.get("platformCapabilities")
    fargate = isinstance(platforms, list | tuple) and "FARGATE" in platforms
    yield from _resources(container, fargate=fargate)
    if fargate and not container.get("executionRoleArn"):
        yield _error("executionRoleArn is required for FARGATE jobs.")
    yield from _variables(items(container, "environment"))
    yield from _too_big(parameters, limits.BATCH_DEFINITION, "Job Definition")


def submit(parameters: Parameters) -> Iterator[Violation]:
    """SubmitJob. See ``overrides_failure`` for what AWS only says after accepting."""
    name = text(parameters, "jobName")
    if name is not None and not _NAME.fullmatch(name):
        yield _error("Job name should match valid pattern")
    yield from _run(parameters)
    yield from _variables(items(part(parameters, "containerOverrides"), "environment"))
    yield from _too_big(parameters, limits.BATCH_SUBMISSION, "Job")


def overrides_failure(parameters: Parameters) -> str | None:
    """Return the reason with which an accepted job ends FAILED, or None.

    SubmitJob takes larger overrides; the job then never starts.
    """
    overrides = part(parameters, "containerOverrides")
    if not overrides or limits.BATCH_OVERRIDES.allows(size(dict(overrides))):
        return None
    return f"Container Overrides length must be at most {limits.BATCH_OVERRIDES.most}"


def create_environment(parameters: Parameters) -> Iterator[Violation]:
    """CreateComputeEnvironment."""
    yield from _name(parameters, "computeEnvironmentName")
    machines = part(parameters, "computeResources")
    if not machines:
        if parameters.get("type") == "MANAGED":
            yield _error("computeResources must be specified for a MANAGED environment.")
        return
    kind = text(machines, "type")
    if kind is not None and kind not in _TYPES:
        yield _error(f"computeResources.type {kind} must be one of {', '.join(_TYPES)}.")
    if (number(machines, "maxvCpus") or 0) < 1:
        yield _error("maxvCpus must be at least 1.")
    if (number(machines, "minvCpus") or 0) > (number(machines, "maxvCpus") or 0):
        yield _error("minvCpus must not be greater than maxvCpus.")
    if not machines.get("subnets"):
        yield _error("subnets must not be empty.")
    yield from (_fargate if kind in _FARGATE else _instances)(machines)


def create_queue(parameters: Parameters) -> Iterator[Violation]:
    """CreateJobQueue."""
    yield from _name(parameters, "jobQueueName")
    environments = items(parameters, "computeEnvironmentOrder")
    if not limits.BATCH_ENVIRONMENTS_PER_QUEUE.allows(len(environments)):
        most = limits.BATCH_ENVIRONMENTS_PER_QUEUE.most
        yield _error(f"computeEnvironmentOrder must have 1 to {most} compute environments.")


def _fargate(machines: Parameters) -> Iterator[Violation]:
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
        if name in machines:
            yield _error(f"{name} is not applicable to FARGATE compute environments.")
    if not machines.get("securityGroupIds"):
        yield _error("securityGroupIds must not be empty for FARGATE compute environments.")


def _instances(machines: Parameters) -> Iterator[Violation]:
    if not machines.get("instanceRole"):
        yield _error("Instance role is required.")
    if not machines.get("instanceTypes"):
        yield _error("At least one instance type must be provided.")
    needs_fleet = machines.get("allocationStrategy", "BEST_FIT") == "BEST_FIT"
    if machines.get("type") == "SPOT" and needs_fleet and not machines.get("spotIamFleetRole"):
        yield _error("spotIamFleetRole is required for SPOT with BEST_FIT.")


def _run(parameters: Parameters) -> Iterator[Violation]:
    """The retry strategy and the time-out, of a definition or of a job."""
    seconds = number(part(parameters, "timeout"), "attemptDurationSeconds")
    if seconds is not None and not limits.BATCH_ATTEMPT_SECONDS.allows(seconds):
        yield _error("attemptDurationSeconds must be at least 60 seconds.")
    retry = part(parameters, "retryStrategy")
    attempts = number(retry, "attempts")
    if attempts is not None and not limits.BATCH_ATTEMPTS.allows(attempts):
        yield _error("attempts must be between 1 and 10.")
    if not limits.BATCH_EXIT_RULES.allows(len(items(retry, "evaluateOnExit"))):
        yield _error("evaluateOnExit must have at most 5 rules.")


def _resources(container: Parameters, *, fargate: bool) -> Iterator[Violation]:
    needs = {r.get("type"): str(r.get("value")) for r in items(container, "resourceRequirements")}
    vcpus, memory = needs.get("VCPU"), needs.get("MEMORY")
    if vcpus is None or memory is None or not memory.isdigit():
        yield _error("Container properties must give VCPU and MEMORY as resourceRequirements.")
        return
    if not limits.BATCH_MEMORY.allows(int(memory)):
        yield _error("Container memory must be at least 4 MiB.")
    if not fargate:
        if not vcpus.isdigit() or int(vcpus) < 1:
            yield _error("Container vcpus must be a whole number of at least 1.")
    elif int(memory) not in limits.FARGATE_MEMORY.get(vcpus, frozenset()):
        yield _error(f"Fargate resource requirements ({vcpus} vCPU, {memory} MiB) not valid.")
    if fargate and "GPU" in needs:
        yield _error("GPU is not supported on FARGATE.")


def _variables(environment: tuple[Parameters, ...]) -> Iterator[Violation]:
    for variable in environment:
        name = str(variable.get("name", ""))
        if name.startswith("AWS_BATCH"):
            yield _error(f"Environment variables must not start with AWS_BATCH: {name}.")


def _name(parameters: Parameters, where: str) -> Iterator[Violation]:
    given = text(parameters, where)
    if given is not None and not _NAME.fullmatch(given):
        yield _error(f"{where} {given!r} must match {_NAME.pattern}.")


def _too_big(parameters: Parameters, limit: Limit, what: str) -> Iterator[Violation]:
    actual = size(dict(parameters))
    if not limit.allows(actual):
        yield _error(
            f"{what} size must be less than {limit.most // limits.KIB} KiB,"
            f" got {-(-actual // limits.KIB)} KiB"
        )


def _error(sentence: str) -> Violation:
    return Violation("ClientException", f"Error executing request, Exception : {sentence}")
