"""``init`` in all modes: it creates everything, a second run plans nothing, changes update."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.deploy import init
from scar.aws.deploy.lock_record import LOCK_KEY, read_lock
from scar.aws.validation.deployment_checks import NotDeployableError
from scar.errors import OperationRefusedError
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, StorageSpec
from tests.fakes.functions import changed
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.factories import (
    MODES,
    a_function,
    a_role,
    deploy,
    fail_next_call,
    remaining_resources,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from botocore.model import OperationModel

    from scar.aws.client.connection import AwsConnection
    from scar.aws.deploy.lock_record import LockState
    from scar.aws.model.function import Function
    from scar.aws.model.resources import ComputeType
    from supervisor.model import FunctionConfig, ImageDefaults


def lock_of(connection: AwsConnection) -> LockState:
    return read_lock(connection.client("s3"), "scar-123456789012-eu-west-1")


NOTHING = "Nothing to change."


@pytest.mark.parametrize("mode", MODES)
def test_a_second_init_changes_nothing(
    connection: AwsConnection, images: FakeImages, mode: str
) -> None:
    first = deploy(connection, images, a_function(mode))
    assert "+ function crop" in str(first)
    assert str(deploy(connection, images, a_function(mode))) == NOTHING


@pytest.mark.parametrize("kind", ["SPOT", "FARGATE", "FARGATE_SPOT"])
def test_a_second_init_changes_nothing_with_other_compute_environments(
    connection: AwsConnection, images: FakeImages, kind: ComputeType
) -> None:
    function = replace(
        a_function("batch"),
        batch=BatchSpec(memory=2048, compute_resources=ComputeResourcesSpec(type=kind)),
    )
    assert "+ job-definition crop" in str(deploy(connection, images, function))
    assert str(deploy(connection, images, function)) == NOTHING


def test_optional_resources_are_observed_only_with_a_function_or_compute_environment(
    connection: AwsConnection, images: FakeImages
) -> None:
    calls: Counter[str] = Counter()

    def note(model: OperationModel, **_: object) -> None:
        calls[model.name] += 1

    connection.session.events.register("before-call", note)
    seldom = ("GetPolicy", "GetFunctionEventInvokeConfig", "GetInstanceProfile")
    deploy(connection, images, a_function())
    assert [calls.pop(name, 0) for name in seldom] == [0, 0, 0]
    deploy(connection, images, a_function())
    assert [calls.pop(name, 0) for name in seldom] == [1, 2, 0]
    deploy(connection, images, a_function("batch"))
    assert [calls.pop(name, 0) for name in seldom] == [1, 2, 1]


@pytest.mark.parametrize("mode", MODES)
def test_the_account_is_observed_while_images_are_built(
    connection: AwsConnection, mode: str
) -> None:
    seen = threading.Event()
    connection.session.events.register("before-call.lambda.GetFunction", lambda **_: seen.set())

    class SlowImages(FakeImages):
        def compose(
            self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
        ) -> str:
            assert seen.wait(30)
            return super().compose(function, configure)

    assert "+ function crop" in str(deploy(connection, SlowImages(), a_function(mode)))


def test_a_dry_run_shows_the_same_plan_and_changes_nothing(
    connection: AwsConnection, images: FakeImages
) -> None:
    functions = [a_function("batch")]
    planned = init(functions, connection, lambda _: None, images=images, dry_run=True)
    assert connection.client("lambda").list_functions()["Functions"] == []
    assert connection.client("s3").list_buckets()["Buckets"] == []
    assert str(init(functions, connection, lambda _: None, images=images)) == str(planned)


def test_more_memory_and_another_script_are_updates(
    connection: AwsConnection, images: FakeImages, tmp_path: Path
) -> None:
    script = tmp_path / "crop.sh"
    script.write_text("echo one")
    deploy(connection, images, a_function("lambda-batch", script))
    before = connection.client("lambda").get_function(FunctionName="crop")["Code"]["ImageUri"]

    script.write_text("echo two")
    function = changed(a_function("lambda-batch", script), memory=1024)
    todo = str(deploy(connection, images, function))

    assert "memory: 512 -> 1024" in todo
    assert "~ job-definition crop" in todo
    found = connection.client("lambda").get_function(FunctionName="crop")
    assert found["Configuration"]["MemorySize"] == 1024
    assert found["Code"]["ImageUri"] != before
    definitions = connection.client("batch").describe_job_definitions(status="ACTIVE")
    (definition,) = definitions["jobDefinitions"]
    assert definition["containerProperties"]["image"] == found["Code"]["ImageUri"]
    assert str(deploy(connection, images, function)) == NOTHING


def test_a_removed_input_no_longer_invokes_the_function(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    moved = changed(a_function(), input=(StorageSpec(path="photos/elsewhere"),))
    deploy(connection, images, moved)
    found = connection.client("s3").get_bucket_notification_configuration(Bucket="photos")
    (rule,) = found["LambdaFunctionConfigurations"]
    assert rule["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "elsewhere/"}]
    assert str(deploy(connection, images, moved)) == NOTHING


def test_changing_to_mode_lambda_deletes_the_compute_environment(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"))
    todo = str(deploy(connection, images, a_function("lambda")))
    assert "- job-definition crop" in todo
    batch = connection.client("batch")
    assert batch.describe_job_queues()["jobQueues"] == []
    assert batch.describe_compute_environments()["computeEnvironments"] == []
    assert str(deploy(connection, images, a_function("lambda"))) == NOTHING


def test_another_compute_environment_replaces_the_old_one(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"))
    larger = changed(
        a_function("batch"), batch=BatchSpec(compute_resources=ComputeResourcesSpec(max_v_cpus=8))
    )
    deploy(connection, images, larger)
    (environment,) = connection.client("batch").describe_compute_environments()[
        "computeEnvironments"
    ]
    assert environment["computeResources"]["maxvCpus"] == 8
    assert images.composed["crop"].batch is not None
    assert images.composed["crop"].batch.queue == environment["computeEnvironmentName"]


def test_functions_with_equal_settings_share_a_compute_environment(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"), a_function("lambda-batch", name="cut"))
    batch = connection.client("batch")
    assert len(batch.describe_job_queues()["jobQueues"]) == 1
    assert len(batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]) == 2


def test_notifications_of_other_tools_are_unchanged(
    connection: AwsConnection, images: FakeImages
) -> None:
    s3 = connection.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:theirs"
    foreign = {
        "Id": "theirs",
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket="photos",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [foreign],  # type: ignore[list-item]
        },
    )
    deploy(connection, images, a_function())
    found = s3.get_bucket_notification_configuration(Bucket="photos")
    assert foreign in found["LambdaFunctionConfigurations"]
    assert len(found["LambdaFunctionConfigurations"]) == 2


def test_the_role_allows_access_to_the_function_s_data_only(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("lambda-batch"))
    iam = connection.client("iam")
    role = "crop-eu-west-1-lambda"
    found: Any = iam.get_role_policy(RoleName=role, PolicyName="scar")["PolicyDocument"]
    text = json.dumps([s for s in found["Statement"] if s["Action"] != "batch:DescribeJobs"])
    assert "arn:aws:s3:::photos/crop-in/*" in text
    assert "arn:aws:s3:::scar-123456789012-eu-west-1/runs/crop/*" in text
    assert "batch:SubmitJob" in text
    assert '"*"' not in text
    assert iam.get_role(RoleName=role)["Role"]["Path"] == "/scar/"


def test_the_user_s_role_is_used_if_given(connection: AwsConnection, images: FakeImages) -> None:
    role = a_role(connection, "mine", "lambda")
    todo = str(deploy(connection, images, changed(a_function("lambda"), role=role)))
    assert "+ role" not in todo
    found = connection.client("lambda").get_function(FunctionName="crop")
    assert found["Configuration"]["Role"] == role


def test_a_failed_init_leaves_only_roles_and_buckets(
    connection: AwsConnection, images: FakeImages
) -> None:
    fail_next_call(connection, "lambda", "PutFunctionEventInvokeConfig")
    reported_lines: list[str] = []
    with pytest.raises(
        OperationRefusedError, match=r"create event-invoke-config \S+: .* AccessDenied"
    ):
        init([a_function("batch")], connection, reported_lines.append, images=images)
    assert "Rolling back the changes…" in reported_lines
    assert remaining_resources(connection).keys() <= {"roles", "profiles", "buckets"}
    assert lock_of(connection).is_released
    assert "+ function crop" in str(deploy(connection, images, a_function("batch")))


def test_a_failed_update_is_undone(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, a_function())
    fail_next_call(connection, "lambda", "TagResource")
    with pytest.raises(OperationRefusedError):
        deploy(
            connection,
            images,
            changed(a_function(), memory=1024, image="busybox:2", log_retention_policy_in_days=7),
        )
    found = connection.client("lambda").get_function(FunctionName="crop")
    assert found["Configuration"]["MemorySize"] == 512
    assert str(deploy(connection, images, a_function())) == NOTHING


def test_an_expired_lock_is_taken_over(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, a_function())
    bucket = "scar-123456789012-eu-west-1"
    record = {"format": 1, "owner": "a killed process", "lease": -1}
    connection.client("s3").put_object(
        Bucket=bucket, Key=LOCK_KEY, Body=json.dumps(record).encode()
    )
    deploy(connection, images, a_function(), a_function(name="cut"))
    assert lock_of(connection).is_released


def test_values_that_aws_rejects_are_reported_before_any_change(
    connection: AwsConnection, images: FakeImages
) -> None:
    with pytest.raises(
        NotDeployableError, match=r"function crop: ValidationException: .*memorySize"
    ):
        deploy(connection, images, changed(a_function(), memory=64))
    assert connection.client("s3").list_buckets()["Buckets"] == []


def test_a_conflicting_notification_of_another_tool_is_named(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    rival = changed(a_function(name="rival"), input=(StorageSpec(path="photos"),))
    with pytest.raises(NotDeployableError, match=r"function:crop"):
        deploy(connection, images, changed(rival, output=()))


def test_two_inits_at_once_both_succeed(connection: AwsConnection, images: FakeImages) -> None:
    functions = [a_function("batch", name="one"), a_function("lambda-batch", name="two")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda f: deploy(connection, images, f), functions))
    assert str(deploy(connection, images, *functions)) == NOTHING
    found = connection.client("s3").get_bucket_notification_configuration(Bucket="photos")
    assert len(found["LambdaFunctionConfigurations"]) == 2
    assert len(connection.client("batch").describe_job_queues()["jobQueues"]) == 1
