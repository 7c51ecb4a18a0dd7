"""Functions with gathered events: races of their queue, and manual changes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy.deploy import init
from scar.fdl.model import ArraySpec
from tests.functional.aws.support.factories import a_function, deploy, remove
from tests.functional.aws.support.service_errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages
    from tests.functional.aws.support.service_errors import ServiceErrors

INVALID = "InvalidParameterValueException"
ABSENT = "AWS.SimpleQueueService.NonExistentQueue"
NAME = "scar-events-crop"
RACES = [
    ("sqs", "CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", "", "not freed the name"),
    ("lambda", "CreateEventSourceMapping", INVALID, f"SQS Error Code: {ABSENT}.", "the new queue"),
    (
        "lambda",
        "CreateEventSourceMapping",
        INVALID,
        "The provided execution role does not have permissions to call ReceiveMessage on SQS",
        "permission to receive messages",
    ),
    (
        "lambda",
        "CreateEventSourceMapping",
        INVALID,
        "Queue visibility timeout: 30 seconds is less than Function timeout: 300 seconds",
        "visibility timeout",
    ),
]


def a_gathering_function() -> Function:
    function = a_function("batch")
    assert function.batch is not None
    return replace(function, batch=function.batch.model_copy(update={"array": ArraySpec()}))


@pytest.mark.parametrize("race", RACES, ids=lambda race: f"{race[1]}: {race[-1]}")
def test_init_waits_for_what_a_new_queue_needs(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    race: tuple[str, str, str, str, str],
) -> None:
    function = a_gathering_function()
    service, operation, code, message, shown = race
    error = ServiceError(code=code, message=message or "Not now.")
    service_errors.refuse(service, operation, error, times=5)
    reported: list[str] = []
    init([function], connection, reported.append, images=images)
    assert any(shown in line and operation in line for line in reported), reported
    assert str(deploy(connection, images, function)) == "Nothing to change."


def queue_url(connection: AwsConnection) -> str:
    return connection.client("sqs").get_queue_url(QueueName=NAME)["QueueUrl"]


def delete_queue(connection: AwsConnection) -> None:
    connection.client("sqs").delete_queue(QueueUrl=queue_url(connection))


def delete_policy(connection: AwsConnection) -> None:
    connection.client("sqs").set_queue_attributes(
        QueueUrl=queue_url(connection), Attributes={"Policy": ""}
    )


def shorten_visibility(connection: AwsConnection) -> None:
    connection.client("sqs").set_queue_attributes(
        QueueUrl=queue_url(connection), Attributes={"VisibilityTimeout": "30"}
    )


def mapping_id(connection: AwsConnection) -> str:
    (found,) = connection.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return found["UUID"]


def delete_mapping(connection: AwsConnection) -> None:
    connection.client("lambda").delete_event_source_mapping(UUID=mapping_id(connection))


def disable_mapping(connection: AwsConnection) -> None:
    connection.client("lambda").update_event_source_mapping(
        UUID=mapping_id(connection), Enabled=False
    )


CHANGES: dict[str, tuple[Callable[[AwsConnection], None], str]] = {
    "queue": (delete_queue, f"+ event-queue {NAME}"),
    "policy": (delete_policy, "policy: "),
    "visibility": (shorten_visibility, "visibility: 30 -> "),
    "mapping": (delete_mapping, "+ event-source crop"),
    "disabled": (disable_mapping, "enabled: False -> True"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_manual_change_is_shown_and_corrected(
    connection: AwsConnection, images: FakeImages, name: str
) -> None:
    change, shown = CHANGES[name]
    function = a_gathering_function()
    deploy(connection, images, function)
    change(connection)
    plan = str(init([function], connection, lambda _: None, images=images, dry_run=True))
    assert shown in plan, plan
    deploy(connection, images, function)
    assert str(deploy(connection, images, function)) == "Nothing to change."


def test_a_removed_function_has_no_queue_and_no_mapping(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_gathering_function())
    remove(connection, "crop")
    assert "QueueUrls" not in connection.client("sqs").list_queues()
    assert not connection.client("lambda").list_event_source_mappings()["EventSourceMappings"]
