"""Requests that create and update scheduling policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.batch_requests.compute_environments import MANAGED_TAGS

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        CreateSchedulingPolicyRequestTypeDef,
        FairsharePolicyUnionTypeDef,
    )

    from scar.aws.model.resources import SchedulingPolicy


def create_policy_request(resource: SchedulingPolicy) -> CreateSchedulingPolicyRequestTypeDef:
    return {
        "name": resource.name,
        "fairsharePolicy": fair_share(resource),
        "tags": MANAGED_TAGS,
    }


def fair_share(resource: SchedulingPolicy) -> FairsharePolicyUnionTypeDef:
    """Return the weights of shares, in the form of Batch's requests."""
    return {
        "shareDecaySeconds": resource.decay_seconds,
        "computeReservation": resource.reserved_percent,
        "shareDistribution": [
            {"shareIdentifier": share, "weightFactor": weight} for share, weight in resource.shares
        ],
    }
