"""After waiting for the deployment lock, the account is inspected and checked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.lock import DeployLock
from scar.aws.deploy.lock_record import LOCK_KEY, read_lock
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.model import names
from scar.aws.model.resources import Bucket
from scar.aws.validation.deployment_checks import NotDeployableError
from scar.errors import OperationRefusedError
from scar.fdl.model import StorageSpec
from supervisor.config import function_config_key
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    remaining_resources,
    remove,
    simulate_running_job,
)
from tests.functional.aws.support.fault_injection import ProcessDied

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from scar.aws.client.connection import AwsConnection
    from scar.aws.deploy.lock_record import UnfinishedFunctions
    from tests.functional.aws.conftest import FakeImages


def another_deployment(
    connection: AwsConnection,
    work: Callable[[], object] = lambda: None,
    begun: UnfinishedFunctions | None = None,
) -> None:
    """Make another deployment take the lock right before the next one does, and run ``work``.

    It leaves the functions of ``begun`` unfinished.
    """
    own = connection.client("s3").meta.events
    other: S3Client = connection.session.client("s3")

    def first(params: dict[str, Any], **_: object) -> None:
        if not params["url"].endswith(LOCK_KEY):
            return
        own.unregister("before-call.s3.PutObject", first)
        bucket = names.state_bucket_name(connection.account)
        with DeployLock(s3=other, bucket=bucket, report=lambda _: None, unfinished=begun or {}):
            work()

    own.register("before-call.s3.PutObject", first)


def after_both_functions_are_deleted(connection: AwsConnection, work: Callable[[], object]) -> None:
    """Run ``work`` once two functions are deleted: the failure handler is one of them."""
    events, deleted = connection.client("lambda").meta.events, list[object]()

    def note(http_response: object, **_: object) -> None:
        deleted.append(http_response)
        if len(deleted) == 2:
            work()

    events.register("after-call.lambda.DeleteFunction", note)


def test_rm_stops_if_a_job_started_while_it_waited(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"))
    before, running = remaining_resources(connection), list[str]()
    another_deployment(connection, lambda: running.extend(simulate_running_job(connection, "crop")))
    with pytest.raises(OperationRefusedError, match="1 job has not ended: crop-1"):
        remove(connection, "crop")
    assert running == ["id-1"]
    assert remaining_resources(connection) == before


def test_rm_with_force_ends_jobs_that_started_while_it_waited(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"))
    running: list[list[str]] = []
    another_deployment(connection, lambda: running.append(simulate_running_job(connection, "crop")))
    remove(connection, "crop", force=True)
    assert running == [[]]
    assert remaining_resources(connection) == {}


def test_rm_inspects_buckets_of_deployments_that_started_while_it_waited(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    buckets = BucketHandler(connection.session.client("s3"), connection.account.region)
    another_deployment(
        connection, lambda: buckets.create(Bucket(name="more")), {"crop": ("photos", "more")}
    )
    assert "- bucket more" in remove(connection, "crop")
    assert remaining_resources(connection) == {}


def test_the_lock_records_the_unfinished_work_of_earlier_deployments(
    connection: AwsConnection, images: FakeImages
) -> None:
    """rm dies after it deleted the function, and with it the names of its buckets."""
    deploy(connection, images, a_function())
    buckets = BucketHandler(connection.session.client("s3"), connection.account.region)

    def die() -> None:
        raise ProcessDied

    another_deployment(connection, lambda: buckets.create(Bucket(name="more")), {"crop": ("more",)})
    after_both_functions_are_deleted(connection, die)
    with pytest.raises(ProcessDied):
        remove(connection, "crop")
    state = names.state_bucket_name(connection.account)
    found = read_lock(connection.client("s3"), state)
    assert sorted(found.unfinished["crop"]) == ["more", "photos"]
    remove(connection, "crop")
    assert remaining_resources(connection) == {}


def test_the_lock_records_buckets_that_are_found_only_after_the_wait(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())

    def retag() -> None:
        arn = connection.account.arn("lambda", "function:crop")
        buckets = BucketHandler(connection.session.client("s3"), connection.account.region)
        buckets.create(Bucket(name="more"))
        connection.session.client("lambda").tag_resource(
            Resource=arn, Tags={f"{names.BUCKETS_TAG}9": "more"}
        )

    def die() -> None:
        raise ProcessDied

    another_deployment(connection, retag)
    after_both_functions_are_deleted(connection, die)
    with pytest.raises(ProcessDied):
        remove(connection, "crop")
    remove(connection, "crop")
    assert remaining_resources(connection) == {}


def test_rm_keeps_the_resources_of_a_job_that_is_submitted_while_it_runs(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("lambda-batch"))
    before, running = remaining_resources(connection), list[list[str]]()
    after_both_functions_are_deleted(
        connection, lambda: running.append(simulate_running_job(connection, "crop"))
    )
    with pytest.raises(OperationRefusedError, match="submitted before the functions were deleted"):
        remove(connection, "crop")
    assert running == [["id-1"]]
    now = remaining_resources(connection)
    assert "functions" not in now
    assert {kind: now[kind] for kind in now} == {
        kind: items for kind, items in before.items() if kind != "functions"
    }
    with pytest.raises(OperationRefusedError, match="1 job has not ended: crop-1"):
        remove(connection, "crop")
    running[0].clear()
    remove(connection, "crop")
    assert remaining_resources(connection) == {}


def test_rm_with_force_ends_jobs_that_are_submitted_while_it_runs(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("lambda-batch"))
    running: list[list[str]] = []
    after_both_functions_are_deleted(
        connection, lambda: running.append(simulate_running_job(connection, "crop"))
    )
    remove(connection, "crop", force=True)
    assert running == [[]]
    assert remaining_resources(connection) == {}


def test_a_deployment_that_waited_repeats_the_account_checks(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function(name="cut"))
    before = remaining_resources(connection)
    ec2 = connection.client("ec2")
    (table,) = ec2.describe_route_tables()["RouteTables"]
    another_deployment(
        connection,
        lambda: ec2.delete_route(
            RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0"
        ),
    )
    with pytest.raises(NotDeployableError, match="has no route to the internet"):
        deploy(connection, images, a_function("batch"))
    assert remaining_resources(connection) == before


def test_a_deployment_that_waited_uses_the_present_account_state(
    connection: AwsConnection, images: FakeImages
) -> None:
    """A bucket gets a KMS key meanwhile: the role needs access to that key."""
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234"
    deploy(connection, images, a_function(name="cut"))

    def encrypt() -> None:
        default: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        connection.session.client("s3").put_bucket_encryption(
            Bucket="photos",
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
            },
        )

    another_deployment(connection, encrypt)
    deploy(connection, images, a_function())
    policy: Any = connection.client("iam").get_role_policy(
        RoleName="crop-eu-west-1-lambda", PolicyName="scar"
    )["PolicyDocument"]
    assert [s["Resource"] for s in policy["Statement"] if "kms:Decrypt" in s["Action"]] == [[key]]


def test_an_update_is_refused_if_a_loop_was_closed_while_it_waited(
    connection: AwsConnection, images: FakeImages
) -> None:
    """Both deployments change only the output of an existing function."""
    first, second = a_function(name="a"), a_function(name="b")
    deploy(connection, images, first, second)

    def write_into_second() -> None:
        s3 = connection.session.client("s3")
        bucket, key = names.state_bucket_name(connection.account), function_config_key("a")
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key=key, Body=text.replace(b"photos/a-out", b"photos/b-in"))

    another_deployment(connection, write_into_second)
    closing = changed(second, output=(StorageSpec(path="photos/a-in"),))
    with pytest.raises(NotDeployableError, match="b -> photos/a-in -> a -> photos/b-in -> b"):
        deploy(connection, images, closing)
