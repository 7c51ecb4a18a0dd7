"""What this process changed moments ago, and what it deleted since, however calls name it."""

from __future__ import annotations

import pytest

from scar.aws.client.races import find_race
from scar.aws.client.recent_changes import RecentChanges

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/scar-events-resize"
ENVIRONMENT = "arn:aws:batch:us-east-1:123456789012:compute-environment/scar-1"


@pytest.mark.parametrize(
    ("kind", "created", "deleted"),
    [
        (
            "event-queue",
            ("sqs", "CreateQueue", {"QueueName": "scar-events-resize"}),
            ("sqs", "DeleteQueue", {"QueueUrl": QUEUE_URL}),
        ),
        (
            "event-queue",
            ("sqs", "SetQueueAttributes", {"QueueUrl": QUEUE_URL}),
            ("sqs", "DeleteQueue", {"QueueUrl": QUEUE_URL}),
        ),
        (
            "compute-environment",
            ("batch", "CreateComputeEnvironment", {"computeEnvironmentName": "scar-1"}),
            ("batch", "DeleteComputeEnvironment", {"computeEnvironment": ENVIRONMENT}),
        ),
        (
            "compute-environment",
            ("batch", "UpdateComputeEnvironment", {"computeEnvironment": ENVIRONMENT}),
            ("batch", "DeleteComputeEnvironment", {"computeEnvironment": "scar-1"}),
        ),
        (
            "log-group",
            ("logs", "CreateLogGroup", {"logGroupName": "/aws/lambda/resize"}),
            ("logs", "DeleteLogGroup", {"logGroupName": "/aws/lambda/resize"}),
        ),
    ],
    ids=["queue", "changed queue", "environment", "changed environment", "log group"],
)
def test_the_absence_of_a_deleted_resource_is_no_race(
    kind: str,
    created: tuple[str, str, dict[str, object]],
    deleted: tuple[str, str, dict[str, object]],
) -> None:
    changes = RecentChanges()
    changes.record_call(*created)
    assert changes.is_recent(kind)
    changes.record_call(*deleted)
    assert not changes.is_recent(kind)


@pytest.mark.parametrize(
    ("operation", "code", "kind", "parameter"),
    [
        ("sqs GetQueueUrl", "QueueDoesNotExist", "event-queue", "QueueName"),
        ("sqs SetQueueAttributes", "QueueDoesNotExist", "event-queue", "QueueUrl"),
        ("lambda AddPermission", "ResourceNotFoundException", "function", "FunctionName"),
        ("lambda CreateFunctionUrlConfig", "ResourceNotFoundException", "function", "FunctionName"),
        (
            "lambda CreateEventSourceMapping",
            "ResourceNotFoundException",
            "function",
            "FunctionName",
        ),
    ],
)
def test_a_missing_resource_is_waited_for_only_if_it_is_the_new_one(
    operation: str, code: str, kind: str, parameter: str
) -> None:
    service, _, action = operation.partition(" ")
    race = find_race(service, action, code, "It does not exist.")
    assert race is not None
    changes = RecentChanges()
    changes.record(kind, "new")
    assert race.patience({parameter: "new"}, changes) > 0
    assert race.patience({parameter: "another"}, changes) == 0


def test_a_queue_that_was_created_is_recent_by_name_and_by_url() -> None:
    changes = RecentChanges()
    changes.record_call("sqs", "CreateQueue", {"QueueName": "scar-events-resize"})
    for parameter in ("scar-events-resize", QUEUE_URL):
        assert changes.is_any_recent_in("event-queue", {"QueueUrl": parameter})
    assert not changes.is_any_recent_in("event-queue", {"QueueName": "scar-events-resize-2"})
