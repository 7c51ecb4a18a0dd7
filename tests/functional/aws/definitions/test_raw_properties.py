"""Raw containerProperties are registered, marked in the plan, read back and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.errors import ScarError
from scar.fdl.model import BatchSpec
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function, deploy, fail_next_call

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

NOTHING = "Nothing to change."


def raw(**fields: Any) -> Function:  # noqa: ANN401 - as in the API
    return changed(a_function("batch"), batch=BatchSpec(container_properties=fields))


def container(connection: AwsConnection) -> dict[str, Any]:
    client = connection.client("batch")
    (found,) = client.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    return {**found["containerProperties"]}


def test_they_are_deployed_marked_and_read_back(
    connection: AwsConnection, images: FakeImages
) -> None:
    function = raw(privileged=True, user="1000")
    plan = str(deploy(connection, images, function))
    assert "crop: batch.container_properties is sent to AWS Batch as it is: privileged," in plan
    assert container(connection)["privileged"] is True
    assert str(deploy(connection, images, function)).startswith(NOTHING)
    plan = str(deploy(connection, images, raw(privileged=True)))
    assert "tags: - scar:raw:user=" in plan
    assert not container(connection).get("user")


def test_removing_them_all_is_a_change(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, raw(privileged=True))
    assert "~ job-definition crop" in str(deploy(connection, images, raw()))
    assert not container(connection).get("privileged")
    assert str(deploy(connection, images, raw())).startswith(NOTHING)


def test_a_raw_value_over_one_of_scar_s_is_no_difference(
    connection: AwsConnection, images: FakeImages
) -> None:
    function = changed(
        a_function("batch"),
        batch=BatchSpec.model_validate(
            {
                "memory": 2048,
                "compute_resources": {"type": "FARGATE"},
                "container_properties": {"networkConfiguration": {"assignPublicIp": "DISABLED"}},
            }
        ),
    )
    deploy(connection, images, function)
    assert container(connection)["networkConfiguration"] == {"assignPublicIp": "DISABLED"}
    assert str(deploy(connection, images, function)).startswith(NOTHING)


def test_an_undone_deployment_restores_them(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, raw(user="1000"))
    function = changed(raw(user="2000"), description="other")
    fail_next_call(connection, "lambda", "UpdateFunctionConfiguration")
    with pytest.raises(ScarError, match="denied by the test"):
        deploy(connection, images, function)
    assert container(connection)["user"] == "1000"
    assert str(deploy(connection, images, raw(user="1000"))).startswith(NOTHING)
