"""After a failed step, created resources are deleted and changed ones restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.deploy import init, list_function_names
from scar.errors import OperationRefusedError
from scar.fdl.model import BatchSpec, ComputeResourcesSpec
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    fail_next_call,
    grant_extra_policies,
    reject_bucket_tags,
    remaining_resources,
    remove,
)

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages

pytestmark = pytest.mark.long

FUNCTION = changed(
    a_function("batch"),
    batch=BatchSpec(compute_resources=ComputeResourcesSpec(disk=80)),
    concurrency=1,
    allow_loop=True,
)
STEPS = [
    "iam CreateRole",
    "iam PutRolePolicy",
    "iam CreateInstanceProfile",
    "iam AddRoleToInstanceProfile",
    "logs CreateLogGroup",
    "logs PutRetentionPolicy",
    "ecr CreateRepository",
    "ecr SetRepositoryPolicy",
    "ec2 CreateLaunchTemplate",
    "batch CreateComputeEnvironment",
    "batch CreateJobQueue",
    "batch RegisterJobDefinition",
    "lambda CreateFunction",
    "lambda PutFunctionConcurrency",
    "lambda PutFunctionRecursionConfig",
    "lambda PutFunctionEventInvokeConfig",
    "lambda AddPermission",
    "s3 PutBucketTagging",
    "s3 PutBucketNotificationConfiguration",
]


def templates(connection: AwsConnection) -> list[Any]:
    return list(connection.client("ec2").describe_launch_templates()["LaunchTemplates"])


@pytest.mark.parametrize("step", STEPS)
def test_a_first_init_that_fails_leaves_only_roles_and_empty_buckets(
    connection: AwsConnection, images: FakeImages, step: str
) -> None:
    service, operation = step.split()
    if operation == "PutBucketTagging":
        reject_bucket_tags(connection)
    fail_next_call(connection, service, operation)
    with pytest.raises(OperationRefusedError, match=operation) as caught:
        deploy(connection, images, FUNCTION)
    assert operation in caught.value.remedy
    assert remaining_resources(connection).keys() <= {"roles", "profiles", "buckets"}
    assert templates(connection) == []
    assert "+ function crop" in str(deploy(connection, images, FUNCTION))
    assert str(deploy(connection, images, FUNCTION)) == "Nothing to change."


@pytest.mark.parametrize(
    "step",
    [
        "lambda UpdateFunctionConfiguration",
        "lambda UpdateFunctionCode",
        "lambda TagResource",
        "batch RegisterJobDefinition",
        "batch CreateComputeEnvironment",
        "batch CreateJobQueue",
        "ec2 CreateLaunchTemplate",
        "logs PutRetentionPolicy",
        "iam PutRolePolicy",
        "s3 PutBucketNotificationConfiguration",
    ],
)
def test_a_later_init_that_fails_changes_nothing(
    connection: AwsConnection, images: FakeImages, step: str
) -> None:
    deploy(connection, images, FUNCTION)
    (folder,) = FUNCTION.lambda_.input
    larger = changed(
        FUNCTION,
        image="busybox:2",
        memory=1024,
        log_retention_policy_in_days=7,
        input=(folder.model_copy(update={"path": "photos/elsewhere"}),),
        batch=BatchSpec(compute_resources=ComputeResourcesSpec(disk=200)),
    )
    service, operation = step.split()
    fail_next_call(connection, service, operation)
    with pytest.raises(OperationRefusedError, match=operation):
        deploy(connection, images, larger)
    again = init([FUNCTION], connection, lambda _: None, images=images, dry_run=True)
    assert str(again) == "Nothing to change."
    assert len(templates(connection)) == 1
    deploy(connection, images, larger)
    assert str(deploy(connection, images, larger)) == "Nothing to change."
    assert len(templates(connection)) == 1


def test_roles_and_buckets_that_an_undo_keeps_are_used_by_the_next_init(
    connection: AwsConnection, images: FakeImages
) -> None:
    fail_next_call(connection, "s3", "PutBucketNotificationConfiguration")
    reported: list[str] = []
    with pytest.raises(OperationRefusedError):
        init([FUNCTION], connection, reported.append, images=images)
    kept = {kind: sorted(each) for kind, each in remaining_resources(connection).items()}
    assert kept == {
        "roles": [
            "crop-eu-west-1-job",
            "crop-eu-west-1-lambda",
            "scar-failure-handler-eu-west-1-lambda",
            "scar-instances-eu-west-1",
        ],
        "profiles": ["scar-instances-eu-west-1"],
        "buckets": ["photos"],
    }
    (sentence,) = [line for line in reported if line.startswith("Kept: ")]
    assert "bucket photos" in sentence
    assert "state-bucket" not in sentence  # `scar rm` never deletes it
    assert not [line for line in reported if line.startswith(("- role", "- bucket", "- state"))]
    shown = str(init([FUNCTION], connection, lambda _: None, images=images))
    assert "+ function crop" in shown
    assert not any(
        f"{sign} {kind}" in shown for sign in "+~-" for kind in ("role", "bucket", "ins")
    )
    assert str(deploy(connection, images, FUNCTION)) == "Nothing to change."


@pytest.mark.parametrize("step", ["lambda CreateFunction", "iam PutRolePolicy"])
def test_rm_deletes_what_an_undo_kept(
    connection: AwsConnection, images: FakeImages, step: str
) -> None:
    service, operation = step.split()
    fail_next_call(connection, service, operation)
    with pytest.raises(OperationRefusedError):
        deploy(connection, images, FUNCTION)
    assert list_function_names(connection) == ("crop",)
    remove(connection, "crop")
    assert remaining_resources(connection) == {}
    assert list_function_names(connection) == ()


def test_manual_policies_of_a_role_are_restored_if_a_later_step_fails(
    connection: AwsConnection, images: FakeImages
) -> None:
    """Undo restores the state before the run, drift included."""
    deploy(connection, images, FUNCTION)
    iam, role = connection.client("iam"), "crop-eu-west-1-job"
    wide = grant_extra_policies(connection, role)
    fail_next_call(connection, "lambda", "UpdateFunctionConfiguration")
    with pytest.raises(OperationRefusedError):
        deploy(connection, images, changed(FUNCTION, memory=1024))
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [wide]
    assert set(iam.list_role_policies(RoleName=role)["PolicyNames"]) == {"more", "scar"}
