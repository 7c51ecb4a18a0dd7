"""Tags are deployed, read back, restored, and removed when their deployment is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy.deploy import init
from scar.errors import ScarError
from scar.fdl.model import BatchSpec, ComputeResourcesSpec
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function, deploy, fail_next_call
from tests.functional.aws.support.manual_changes import ROLE, remove_tags

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

NOTHING = "Nothing to change."


def tagged(**tags: str) -> Function:
    return changed(a_function("batch"), tags=tags)


def role_tags(connection: AwsConnection) -> dict[str, str]:
    role = connection.client("iam").get_role(RoleName=ROLE)["Role"]
    return {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}


def test_a_second_plan_is_empty(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, tagged(project="genomics"))
    assert str(deploy(connection, images, tagged(project="genomics"))).startswith(NOTHING)


def test_removed_tags_are_shown_and_restored(connection: AwsConnection, images: FakeImages) -> None:
    function = tagged(project="genomics")
    deploy(connection, images, function)
    remove_tags(connection, "project")
    plan = str(init([function], connection, lambda _: None, images=images, dry_run=True))
    assert plan.count("tags: + project=genomics") == 4, plan
    deploy(connection, images, function)
    assert str(deploy(connection, images, function)).startswith(NOTHING)


@pytest.mark.parametrize("kind", ["EC2", "FARGATE"])
def test_tags_that_the_organization_adds_are_ignored(
    connection: AwsConnection, images: FakeImages, kind: str
) -> None:
    compute = ComputeResourcesSpec.model_validate({"type": kind})
    function = changed(tagged(project="a"), batch=BatchSpec(memory=2048, compute_resources=compute))
    deploy(connection, images, function)
    batch = connection.client("batch")
    (environment,) = batch.describe_compute_environments()["computeEnvironments"]
    (queue,) = batch.describe_job_queues()["jobQueues"]
    for arn in (environment["computeEnvironmentArn"], queue["jobQueueArn"]):
        batch.tag_resource(resourceArn=arn, tags={"team": "it"})
    connection.client("iam").tag_role(RoleName=ROLE, Tags=[{"Key": "team", "Value": "it"}])
    assert str(deploy(connection, images, function)).startswith(NOTHING)


def test_other_tags_are_another_environment_and_change_the_rest_in_place(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, tagged(project="a"))
    plan = str(deploy(connection, images, tagged(project="b")))
    assert "+ compute-environment" in plan
    assert "- compute-environment" in plan
    assert f"~ role {ROLE}\n    tags: project=a -> b" in plan
    assert role_tags(connection)["project"] == "b"
    assert str(deploy(connection, images, tagged(project="b"))).startswith(NOTHING)


def test_an_undone_deployment_leaves_the_earlier_tags(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, tagged(project="a"))
    fail_next_call(connection, "batch", "RegisterJobDefinition")
    with pytest.raises(ScarError, match="denied by the test"):
        deploy(connection, images, tagged(project="b", stage="1"))
    assert {k: v for k, v in role_tags(connection).items() if not k.startswith("scar:")} == {
        "project": "a"
    }
    assert str(deploy(connection, images, tagged(project="a"))).startswith(NOTHING)
