"""Requests of Batch have only what a resource has, and updates revert what others have set."""

from __future__ import annotations

from dataclasses import replace

from scar.aws.model.resources import ComputeEnvironment, JobQueue
from scar.aws.requests import batch_requests

PLAIN = ComputeEnvironment(name="e", type="SPOT", max_vcpus=2, instance_types=("m5",))
FULL = replace(PLAIN, bid_percentage=60, scale_down_minutes=30)


def test_a_plain_environment_and_queue_have_no_newer_fields() -> None:
    resources = batch_requests.create_environment_request(PLAIN)["computeResources"]
    assert not {"bidPercentage", "scalingPolicy"} & resources.keys()
    request = batch_requests.create_queue_request(JobQueue(name="q", environments=("e",)))
    assert "schedulingPolicyArn" not in request


def test_updates_set_and_unset_what_differs() -> None:
    assert batch_requests.environment_changes(PLAIN, FULL) == {
        "bidPercentage": 60,
        "scalingPolicy": {"minScaleDownDelayMinutes": 30},
    }
    assert batch_requests.environment_changes(FULL, PLAIN) == {
        "bidPercentage": 100,
        "scalingPolicy": {"minScaleDownDelayMinutes": 0},
    }
    assert batch_requests.environment_changes(FULL, FULL) == {}


def test_the_order_of_environments_is_numbered_from_one() -> None:
    assert batch_requests.environment_order(["b", "a"]) == [
        {"order": 1, "computeEnvironment": "b"},
        {"order": 2, "computeEnvironment": "a"},
    ]
