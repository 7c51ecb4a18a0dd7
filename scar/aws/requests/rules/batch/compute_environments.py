"""Rules of compute environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_number,
    get_structure,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

from scar.aws.requests.rules.batch.common import check_name, client_exception
from scar.aws.requests.rules.tags import check_tags

_FARGATE = ("FARGATE", "FARGATE_SPOT")

_TYPES = ("EC2", "SPOT", *_FARGATE)


def check_create_compute_environment(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateComputeEnvironment."""
    yield from check_name(parameters, "computeEnvironmentName")
    yield from check_tags(parameters, "tags")
    resources = get_structure(parameters, "computeResources")
    if not resources:
        if parameters.get("type") == "MANAGED":
            yield client_exception("computeResources must be specified for a MANAGED environment.")
        return
    kind = get_text(resources, "type")
    if kind is not None and kind not in _TYPES:
        yield client_exception(f"computeResources.type {kind} must be one of {', '.join(_TYPES)}.")
    if (get_number(resources, "maxvCpus") or 0) < 1:
        yield client_exception("maxvCpus must be at least 1.")
    if (get_number(resources, "minvCpus") or 0) > (get_number(resources, "maxvCpus") or 0):
        yield client_exception("minvCpus must not be greater than maxvCpus.")
    if not resources.get("subnets"):
        yield client_exception("subnets must not be empty.")
    yield from _check_ranges(resources)
    yield from (_check_fargate_resources if kind in _FARGATE else _check_instance_resources)(
        resources
    )


def _check_ranges(resources: Parameters) -> Iterator[RuleViolation]:
    bid = get_number(resources, "bidPercentage")
    if bid is not None and not limits.BATCH_BID_PERCENTAGE.allows(bid):
        yield client_exception("bidPercentage must be between 1 and 100.")
    minutes = get_number(get_structure(resources, "scalingPolicy"), "minScaleDownDelayMinutes")
    if minutes and not limits.BATCH_SCALE_DOWN_MINUTES.allows(minutes):
        yield client_exception("minScaleDownDelayMinutes must be 0 or between 20 and 10080.")


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
        "tags",
        "bidPercentage",
        "scalingPolicy",
    )
    for name in banned:
        if name in resources:
            yield client_exception(f"{name} is not applicable to FARGATE compute environments.")
    if not resources.get("securityGroupIds"):
        yield client_exception(
            "securityGroupIds must not be empty for FARGATE compute environments."
        )


def _check_instance_resources(resources: Parameters) -> Iterator[RuleViolation]:
    yield from check_tags(resources, "tags")
    if not resources.get("instanceRole"):
        yield client_exception("Instance role is required.")
    if not resources.get("instanceTypes"):
        yield client_exception("At least one instance type must be provided.")
    strategy = str(resources.get("allocationStrategy", ""))
    if strategy.startswith("SPOT_") and resources.get("type") != "SPOT":
        yield client_exception(f"{strategy} is only available for SPOT compute resources.")
    if strategy.endswith("_ORDERED") and resources.get("type") != "EC2":
        yield client_exception(f"{strategy} is only available for EC2 compute resources.")
    needs_fleet = resources.get("allocationStrategy", "BEST_FIT") == "BEST_FIT"
    if resources.get("type") == "SPOT" and needs_fleet and not resources.get("spotIamFleetRole"):
        yield client_exception("spotIamFleetRole is required for SPOT with BEST_FIT.")
