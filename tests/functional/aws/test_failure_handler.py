"""The failure handler: one per account and Region, created with the first function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.aws.model.names import FAILURE_HANDLER
from scar.aws.validation.deployment_checks import NotDeployableError
from scar.fdl.model import ContainerSpec, EnvironmentSpec
from supervisor import config
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    a_function,
    a_role,
    deploy,
    remaining_resources,
)

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages

ARN = f"arn:aws:lambda:eu-west-1:123456789012:function:{FAILURE_HANDLER}"
STATE = "scar-123456789012-eu-west-1"
REFUSAL = (
    "The function's execution role does not have permissions to call InvokeFunction on arn:aws:x"
)


def destination(connection: AwsConnection, function: str) -> str:
    found = connection.client("lambda").get_function_event_invoke_config(FunctionName=function)
    return found.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")


def allowed(connection: AwsConnection, role: str) -> dict[str, object]:
    """Return action and resource of each statement of a role that has one action."""
    found = connection.client("iam").get_role_policy(RoleName=role, PolicyName="scar")
    text = found["PolicyDocument"]
    document = text if isinstance(text, dict) else json.loads(text)
    return {
        s["Action"]: s["Resource"] for s in document["Statement"] if isinstance(s["Action"], str)
    }


def test_all_functions_share_one_destination_and_may_invoke_no_other_function(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function(), a_function("lambda-batch", name="cut"))
    for name in ("crop", "cut"):
        assert destination(connection, name) == ARN
        assert allowed(connection, f"{name}-eu-west-1-lambda")["lambda:InvokeFunction"] == ARN
    assert destination(connection, FAILURE_HANDLER) == ""
    assert images.composed[FAILURE_HANDLER].is_failure_handler
    assert not images.composed["crop"].is_failure_handler


def test_its_configuration_has_the_batch_targets_and_no_secrets(
    connection: AwsConnection, images: FakeImages
) -> None:
    secret = EnvironmentSpec(Variables={"PASSWORD": "secret"})
    container = ContainerSpec(image="busybox:1", environment=secret)
    function = changed(a_function("lambda-batch"), container=container)
    deploy(connection, images, function)
    body = (
        connection.client("s3")
        .get_object(Bucket=STATE, Key=config.function_config_key("crop"))["Body"]
        .read()
    )
    assert b"secret" not in body
    stored = config.parse_config(body.decode())
    deployed = images.composed["crop"]
    assert (stored.name, stored.mode, stored.batch) == ("crop", deployed.mode, deployed.batch)


def test_a_second_function_uses_the_existing_one(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    plan = deploy(connection, images, a_function(name="cut"))
    assert FAILURE_HANDLER not in str([c.resource.key for c in plan.changes])


def test_a_function_of_another_architecture_does_not_change_it(
    connection: AwsConnection, images: FakeImages
) -> None:
    first = a_function()
    deploy(connection, images, first)
    plan = deploy(connection, images, changed(a_function(name="cut"), architecture="arm64"))
    assert FAILURE_HANDLER not in str([c.resource.key for c in plan.changes])
    assert str(deploy(connection, images, first)) == "Nothing to change."


def test_a_function_with_a_custom_role_has_no_on_failure_destination(
    connection: AwsConnection, images: FakeImages
) -> None:
    role = a_role(connection, "mine", "lambda")
    deploy(connection, images, changed(a_function(), role=role))
    assert destination(connection, "crop") == ""
    assert remaining_resources(connection)["functions"] == ["crop"]


def test_the_plan_notes_that_failed_invocations_with_a_custom_role_stay_failed(
    connection: AwsConnection, images: FakeImages
) -> None:
    role = a_role(connection, "mine", "lambda", "ecs-tasks")
    mine = changed(a_function("lambda-batch"), role=role)
    (note,) = (n for n in deploy(connection, images, mine).notes if "Lambda terminates" in n)
    assert "crop" in note
    plan = deploy(connection, images, changed(mine, role=""))
    assert not [n for n in plan.notes if "Lambda terminates" in n]


def test_the_plan_notes_the_permissions_boundary_of_the_handler(
    connection: AwsConnection, images: FakeImages
) -> None:
    boundary = connection.client("iam").create_policy(
        PolicyName="bound",
        PolicyDocument='{"Version":"2012-10-17","Statement":'
        '[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    )
    bound = changed(a_function(), permissions_boundary=boundary["Policy"]["Arn"])
    shown_plan = str(deploy(connection, images, bound, a_function(name="cut")))
    assert "its role has that of crop)" in shown_plan


def test_its_name_is_reserved(connection: AwsConnection, images: FakeImages) -> None:
    with pytest.raises(NotDeployableError, match="reserved for scar's failure handler"):
        deploy(connection, images, a_function(name=FAILURE_HANDLER))
