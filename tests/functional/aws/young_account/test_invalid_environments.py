"""``init`` sees, repairs and replaces what Batch reports as INVALID; ``rm`` deletes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.deploy import init
from scar.aws.inventory.function_resources import read_function_resources
from scar.aws.inventory.unusable_queues import describe_unusable
from scar.cli.main import run
from scar.errors import ScarError
from tests.functional.aws.support.batch_states import NO_ROLE, NO_SUBNET, InvalidResources
from tests.functional.aws.support.command_replay import OneAccountServices
from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    fail_next_call,
    remaining_resources,
    remove,
)

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages

NOTHING = "Nothing to change."
NEVER = 10**9


def environment_names(connection: AwsConnection) -> list[str]:
    found = connection.client("batch").describe_compute_environments()["computeEnvironments"]
    return [environment["computeEnvironmentName"] for environment in found]


def used_environments(connection: AwsConnection) -> list[str]:
    (queue,) = connection.client("batch").describe_job_queues()["jobQueues"]
    order = queue["computeEnvironmentOrder"]
    return [each["computeEnvironment"].rpartition("/")[2] for each in order]


def test_an_environment_that_became_invalid_is_shown_and_repaired(
    connection: AwsConnection, images: FakeImages
) -> None:
    states = InvalidResources.of(connection)
    deploy(connection, images, a_function("batch"))
    (name,) = environment_names(connection)
    states.break_(name, NO_ROLE, 1)
    batch = connection.client("batch")
    assert describe_unusable(batch, name) == f"compute environment {name} is INVALID: {NO_ROLE}"
    shown = {r.key.kind: r for r in read_function_resources("crop", connection)}
    assert getattr(shown["compute-environment"], "status", "") == f"INVALID: {NO_ROLE}"
    planned = init([a_function("batch")], connection, lambda _: None, images=images, dry_run=True)
    assert f"status: INVALID: {NO_ROLE} -> VALID" in str(planned)
    assert f"INVALID: {NO_ROLE}" in planned.to_json()
    assert str(deploy(connection, images, a_function("batch"))) == str(planned)
    assert str(deploy(connection, images, a_function("batch"))) == NOTHING
    assert environment_names(connection) == [name]
    assert describe_unusable(batch, name) == ""


def test_one_that_cannot_be_repaired_is_replaced_and_removed_with_its_functions(
    connection: AwsConnection, images: FakeImages
) -> None:
    states = InvalidResources.of(connection)
    deploy(connection, images, a_function("batch"))
    (name,) = environment_names(connection)
    states.break_(name, NO_SUBNET, NEVER)
    deploy(connection, images, a_function("batch"))
    (replacement,) = environment_names(connection)
    assert replacement != name
    assert used_environments(connection) == [replacement]
    assert str(deploy(connection, images, a_function("batch"))) == NOTHING
    # Another function shares the replacement.
    other = a_function("batch", name="cut")
    assert "compute-environment" not in str(deploy(connection, images, other)).replace(
        "its compute environment", ""
    )
    remove(connection, "crop", "cut")
    assert remaining_resources(connection) == {}


def test_a_replacement_that_is_invalid_too_leaves_everything_as_it_was(
    connection: AwsConnection, images: FakeImages
) -> None:
    states = InvalidResources.of(connection)
    deploy(connection, images, a_function("batch"))
    (name,) = environment_names(connection)
    states.break_(name, NO_SUBNET, NEVER)
    states.new_environments.append((NO_SUBNET, NEVER))
    with pytest.raises(ScarError, match="subnet-1"):
        deploy(connection, images, a_function("batch"))
    assert environment_names(connection) == [name]
    assert used_environments(connection) == [name]


@pytest.mark.parametrize("operation", ["UpdateJobQueue", "DeleteComputeEnvironment"])
def test_an_interrupted_replacement_is_completed_by_the_next_init(
    connection: AwsConnection, images: FakeImages, operation: str
) -> None:
    states = InvalidResources.of(connection)
    deploy(connection, images, a_function("batch"))
    (name,) = environment_names(connection)
    states.break_(name, NO_SUBNET, NEVER)
    fail_next_call(connection, "batch", operation)
    with pytest.raises(ScarError):
        deploy(connection, images, a_function("batch"))
    deploy(connection, images, a_function("batch"))
    assert environment_names(connection) == used_environments(connection)
    assert environment_names(connection) != [name]
    assert str(deploy(connection, images, a_function("batch"))) == NOTHING


def test_an_invalid_environment_and_queue_are_removed(
    connection: AwsConnection, images: FakeImages
) -> None:
    states = InvalidResources.of(connection)
    deploy(connection, images, a_function("batch"))
    (name,) = environment_names(connection)
    states.break_(name, NO_SUBNET, NEVER)
    states.break_(f"queue {name}", NO_SUBNET, NEVER)
    remove(connection, "crop")
    assert remaining_resources(connection) == {}


def test_an_invalid_queue_is_repaired(connection: AwsConnection, images: FakeImages) -> None:
    states = InvalidResources.of(connection)
    deploy(connection, images, a_function("batch"))
    (name,) = environment_names(connection)
    states.break_(f"queue {name}", "ERROR - x", 1)
    assert "ERROR - x" in describe_unusable(connection.client("batch"), name)
    assert "job-queue" in str(deploy(connection, images, a_function("batch")))
    assert str(deploy(connection, images, a_function("batch"))) == NOTHING


def test_the_first_environment_of_a_new_account_is_repaired_while_its_role_spreads(
    connection: AwsConnection, images: FakeImages
) -> None:
    states = InvalidResources.of(connection)
    states.new_environments.append((NO_ROLE, 1))
    assert "+ compute-environment" in str(deploy(connection, images, a_function("batch")))
    assert str(deploy(connection, images, a_function("batch"))) == NOTHING


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (
            "CreateComputeEnvironment",
            "Error executing request, Exception : Invalid instance profile",
        ),
        (
            "CreateJobQueue",
            "Error executing request, Exception : scar-x is not VALID, RequestId: 1",
        ),
    ],
)
def test_errors_of_a_new_account_are_repeated(
    connection: AwsConnection, images: FakeImages, operation: str, message: str
) -> None:
    fail_next_call(connection, "batch", operation, "ClientException", message)
    assert "+ job-queue" in str(deploy(connection, images, a_function("batch")))


def test_a_first_environment_with_a_permanent_cause_is_undone_with_the_reason(
    connection: AwsConnection, images: FakeImages
) -> None:
    states = InvalidResources.of(connection)
    states.new_environments.append((NO_SUBNET, NEVER))
    with pytest.raises(ScarError, match="subnet-1") as error:
        deploy(connection, images, a_function("batch"))
    assert "subnets" in error.value.remedy
    assert environment_names(connection) == []


def test_queues_and_definitions_of_earlier_releases_are_updated(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"))
    batch = connection.client("batch")
    (name,) = environment_names(connection)
    batch.update_job_queue(jobQueue=name, jobStateTimeLimitActions=[])
    (revision,) = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    older: Any = {
        k: revision[k]
        for k in ("jobDefinitionName", "type", "platformCapabilities", "timeout", "tags")
    }
    older["containerProperties"] = {**revision["containerProperties"]}
    log = older["containerProperties"]["logConfiguration"]
    options = {k: v for k, v in log["options"].items() if k != "mode"}
    older["containerProperties"]["logConfiguration"] = {**log, "options": options}
    rules = [
        {"action": "RETRY", "onStatusReason": "Host EC2*"},
        {"action": "EXIT", "onReason": "*"},
    ]
    older["retryStrategy"] = {"attempts": 3, "evaluateOnExit": rules}
    batch.register_job_definition(**older)
    planned = str(deploy(connection, images, a_function("batch")))
    assert "time_limits" in planned
    assert "retry_rules" in planned
    assert "log_mode:  -> blocking" in planned
    assert str(deploy(connection, images, a_function("batch"))) == NOTHING


def test_status_names_the_environment_and_the_reason(
    connection: AwsConnection, images: FakeImages, capsys: pytest.CaptureFixture[str]
) -> None:
    states = InvalidResources.of(connection)
    deploy(connection, images, a_function("batch"))
    (name,) = environment_names(connection)
    states.break_(name, NO_ROLE, NEVER)
    services = OneAccountServices({}, connection)
    assert run(["status", "-n", "crop"], services) == 0
    shown = capsys.readouterr()
    assert f"compute environment {name} is INVALID: {NO_ROLE}" in shown.out
    assert "`scar init` repairs or replaces" in shown.err
    assert run(["status", "-n", "crop", "-j"], services) == 0
    (function,) = json.loads(capsys.readouterr().out)["functions"]
    assert function["unusable"] == f"compute environment {name} is INVALID: {NO_ROLE}"
    assert run(["ls"], services) == 0
    assert f"crop: compute environment {name} is INVALID" in capsys.readouterr().err
    assert run(["show", "-n", "crop"], services) == 0
    assert f"INVALID: {NO_ROLE}" in capsys.readouterr().out
