"""Requests that create and update compute environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits, names

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ComputeResourceTypeDef,
        ComputeResourceUpdateTypeDef,
        CreateComputeEnvironmentRequestTypeDef,
    )

    from scar.aws.model.resources import ComputeEnvironment

MANAGED_TAGS = {names.MANAGED_TAG: "true"}
_FARGATE = ("FARGATE", "FARGATE_SPOT")


def create_environment_request(
    resource: ComputeEnvironment,
) -> CreateComputeEnvironmentRequestTypeDef:
    request: CreateComputeEnvironmentRequestTypeDef = {
        "computeEnvironmentName": resource.actual_name or resource.name,
        "type": "MANAGED",
        "state": "ENABLED",
        "computeResources": _compute_resources(resource),
        "tags": MANAGED_TAGS | dict(resource.tags),
    }
    if resource.launch_template:
        name, _, version = resource.launch_template.partition(":")
        request["computeResources"]["launchTemplate"] = {
            "launchTemplateName": name,
            "version": version,
        }
    if resource.service_role:
        request["serviceRole"] = resource.service_role
    return request


def environment_changes(
    observed: ComputeEnvironment, desired: ComputeEnvironment
) -> ComputeResourceUpdateTypeDef:
    """Return the compute resources that differ, for UpdateComputeEnvironment."""
    # AWS Batch expects only the fields that change.
    before, after = _compute_resources(observed), _compute_resources(desired)
    if observed.bid_percentage and not desired.bid_percentage:
        after["bidPercentage"] = limits.BATCH_BID_PERCENTAGE.maximum
    if observed.scale_down_minutes and not desired.scale_down_minutes:
        after["scalingPolicy"] = {"minScaleDownDelayMinutes": 0}  # model: "Use 0 to unset"
    changed: ComputeResourceUpdateTypeDef = {}
    for field in (
        "minvCpus",
        "maxvCpus",
        "subnets",
        "securityGroupIds",
        "instanceTypes",
        "instanceRole",
        "ec2Configuration",
        "type",
        "allocationStrategy",
        "tags",
        "bidPercentage",
        "scalingPolicy",
    ):
        if before.get(field) != after.get(field) and field in after:
            changed[field] = after[field]
    return changed


def _compute_resources(resource: ComputeEnvironment) -> ComputeResourceTypeDef:
    compute: ComputeResourceTypeDef = {
        "type": resource.type,
        "maxvCpus": resource.max_vcpus,
        "subnets": list(resource.subnets),
        "securityGroupIds": list(resource.security_groups),
    }
    # Batch rejects all other parameters for Fargate.
    if resource.type in _FARGATE:
        return compute
    if resource.allocation:
        compute["allocationStrategy"] = resource.allocation  # type: ignore[typeddict-item]
    compute["minvCpus"] = resource.min_vcpus
    compute["instanceTypes"] = list(resource.instance_types)
    compute["instanceRole"] = resource.instance_profile
    compute["ec2Configuration"] = [{"imageType": resource.image_type}]
    if resource.tags:
        compute["tags"] = dict(resource.tags)
    if resource.bid_percentage:
        compute["bidPercentage"] = resource.bid_percentage
    if resource.scale_down_minutes:
        compute["scalingPolicy"] = {"minScaleDownDelayMinutes": resource.scale_down_minutes}
    return compute
