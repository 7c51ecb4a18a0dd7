"""``rm`` deletes what ``init`` created, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy.deploy import list_function_names
from scar.aws.deploy.deploy import remove as deploy_remove
from scar.aws.deploy.remove import RemovalOptions
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.inventory.functions import InputFolder, list_functions
from scar.aws.model.names import FAILURE_HANDLER
from scar.aws.model.resources import Bucket
from scar.errors import OperationRefusedError
from scar.fdl.model import StorageSpec
from scar.runs.logs import FunctionNotFoundError, read_log
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    MODES,
    a_function,
    deploy,
    grant_extra_policies,
    reject_bucket_tags,
    remaining_resources,
    remove,
    simulate_running_job,
)
from tests.functional.aws.support.fault_injection import ProcessDied

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages

STATE = "scar-123456789012-eu-west-1"


@pytest.mark.parametrize("mode", MODES)
def test_all_resources_are_deleted(
    connection: AwsConnection, images: FakeImages, mode: str
) -> None:
    deploy(connection, images, a_function(mode))
    assert "- function crop" in remove(connection, "crop")
    assert remaining_resources(connection) == {}


@pytest.mark.parametrize("mode", MODES)
def test_logs_are_kept_on_request_until_the_next_removal(
    connection: AwsConnection, images: FakeImages, mode: str
) -> None:
    deploy(connection, images, a_function(mode))
    options = RemovalOptions(keep_logs=True)
    plan = str(deploy_remove(["crop"], connection, lambda _: None, options))
    assert "log-group" not in plan
    kept = remaining_resources(connection)
    assert kept.keys() == {"logs"}
    assert "/aws/lambda/crop" in {group["logGroupName"] for group in kept["logs"]}
    assert list(read_log(connection, "crop")) == []
    assert "- log-group /aws/lambda/crop" in remove(connection, "crop")
    assert remaining_resources(connection) == {}
    with pytest.raises(FunctionNotFoundError):
        list(read_log(connection, "crop"))


def test_a_bucket_with_objects_is_kept_and_invokes_nothing(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    s3 = connection.client("s3")
    # moto invokes the function inside the put; here only the object matters.
    s3.put_object(Bucket="photos", Key="other/one.jpg", Body=b"x")
    remove(connection, "crop")
    assert remaining_resources(connection) == {"buckets": ["photos"]}
    found = s3.get_bucket_notification_configuration(Bucket="photos")
    assert "LambdaFunctionConfigurations" not in found


def test_a_bucket_of_the_user_is_kept_even_if_empty(
    connection: AwsConnection, images: FakeImages
) -> None:
    connection.client("s3").create_bucket(
        Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    deploy(connection, images, a_function())
    remove(connection, "crop")
    assert remaining_resources(connection) == {"buckets": ["photos"]}


def test_notifications_of_other_tools_are_kept(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    s3 = connection.client("s3")
    found = s3.get_bucket_notification_configuration(Bucket="photos")
    (ours,) = found["LambdaFunctionConfigurations"]
    foreign = {**ours, "Id": "scar-like", "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="photos",
        NotificationConfiguration={"LambdaFunctionConfigurations": [ours, foreign]},  # type: ignore[list-item]
    )
    remove(connection, "crop")
    kept = s3.get_bucket_notification_configuration(Bucket="photos")
    assert [r["Id"] for r in kept["LambdaFunctionConfigurations"]] == ["scar-like"]


def test_a_compute_environment_is_kept_while_another_function_uses_it(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"), a_function("batch", name="cut"))
    remove(connection, "crop")
    assert len(remaining_resources(connection)["queues"]) == 1
    assert remaining_resources(connection)["buckets"] == ["photos"]
    remove(connection, "cut")
    assert remaining_resources(connection) == {}


def test_the_failure_handler_is_deleted_with_the_last_function(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function(), a_function(name="cut"))
    remove(connection, "crop")
    before = remaining_resources(connection)
    assert sorted(before["functions"]) == ["cut", FAILURE_HANDLER]
    with pytest.raises(OperationRefusedError, match="failed invocations of cut"):
        remove(connection, FAILURE_HANDLER)
    assert remaining_resources(connection) == before
    remove(connection, "cut")
    assert remaining_resources(connection) == {}
    state = connection.client("s3").list_objects_v2(Bucket=STATE, Prefix="functions/")
    assert state["KeyCount"] == 0


def test_a_failure_handler_without_functions_is_deleted(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    deploy(connection, images, a_function(name="cut"))
    for name in ("crop", "cut"):
        connection.client("lambda").delete_function(FunctionName=name)
    remove(connection, "crop")
    assert list_function_names(connection) == ("cut",)
    remove(connection, "cut")
    assert remaining_resources(connection).keys() <= {"buckets"}
    assert list_function_names(connection) == ()


def test_removing_a_deleted_function_succeeds(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"))
    connection.client("lambda").delete_function(FunctionName="crop")
    remove(connection, "crop")
    assert remaining_resources(connection).keys() <= {"buckets"}
    assert remove(connection, "crop") == "Nothing to change."
    assert remove(connection, "never-was") == "Nothing to change."


def test_running_jobs_are_an_error_or_terminated_with_force(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"))
    jobs = simulate_running_job(connection, "crop")
    with pytest.raises(OperationRefusedError, match="crop-1"):
        remove(connection, "crop")
    assert "crop" in remaining_resources(connection)["functions"]
    remove(connection, "crop", force=True)
    assert jobs == []
    assert remaining_resources(connection) == {}


def test_other_jobs_in_the_same_queue_are_ignored(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"), a_function("batch", name="cut"))
    simulate_running_job(connection, "cut")
    remove(connection, "crop")
    assert sorted(remaining_resources(connection)["functions"]) == ["cut", FAILURE_HANDLER]


def test_ls_shows_what_was_deployed(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, a_function("lambda-batch"), a_function(name="cut"))
    crop, cut = list_functions(connection)  # not the failure handler
    assert (crop.name, crop.image, crop.mode, crop.memory) == (
        "crop",
        "busybox:1",
        "lambda-batch",
        512,
    )
    assert crop.inputs == (InputFolder("photos/crop-in"),)
    assert crop.queue
    assert (cut.mode, cut.queue) == ("lambda", "")


def test_ls_shows_the_suffixes_of_inputs(connection: AwsConnection, images: FakeImages) -> None:
    function = a_function()
    jpegs = (StorageSpec(path="photos/crop-in", suffix=(".jpg",)),)
    deploy(connection, images, changed(function, input=jpegs))
    (crop,) = list_functions(connection)
    assert crop.inputs == (InputFolder("photos/crop-in", ".jpg"),)
    assert str(crop.inputs[0]) == "photos/crop-in/*.jpg"


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        (InputFolder("b/in"), InputFolder("b/in/deeper"), True),
        (InputFolder("b"), InputFolder("b/in", ".jpg"), True),
        (InputFolder("b/in", ".jpg"), InputFolder("b/in", "-small.jpg"), True),
        (InputFolder("b/in", ".jpg"), InputFolder("b/in", ".png"), False),
        (InputFolder("b/in", ".jpg"), InputFolder("b/in"), False),
        (InputFolder("b/in"), InputFolder("b/in2"), False),
    ],
)
def test_folders_that_another_one_covers_are_known(
    wide: InputFolder, narrow: InputFolder, *, covered: bool
) -> None:
    assert wide.covers(narrow) is covered


def test_a_function_is_listed_while_any_resource_of_it_exists(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("batch"), a_function(name="cut"))
    connection.client("lambda").delete_function(FunctionName="crop")
    assert list_function_names(connection) == ("crop", "cut")
    remove(connection, *list_function_names(connection))
    assert remaining_resources(connection).keys() <= {"buckets"}
    assert list_function_names(connection) == ()


def test_roles_with_manual_policies_are_deleted(
    connection: AwsConnection, images: FakeImages
) -> None:
    """IAM does not delete roles that have policies."""
    deploy(connection, images, a_function("batch"))
    grant_extra_policies(connection, *remaining_resources(connection)["roles"])
    remove(connection, "crop")
    assert remaining_resources(connection) == {}


def test_a_dry_run_deletes_nothing(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, a_function())
    plan = str(deploy_remove(["crop"], connection, lambda _: None, dry_run=True))
    assert "crop" in remaining_resources(connection)["functions"]
    assert remove(connection, "crop") == plan


@pytest.mark.parametrize(
    "why", ["data", "of the user's", "watched by others", "written by another"]
)
def test_a_dry_run_lists_no_bucket_that_is_kept(
    connection: AwsConnection, images: FakeImages, why: str
) -> None:
    s3 = connection.client("s3")
    if why == "of the user's":
        s3.create_bucket(
            Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
    deploy(connection, images, a_function())
    if why == "data":
        s3.put_object(Bucket="photos", Key="other/one.jpg", Body=b"x")
    elif why == "watched by others":
        found = s3.get_bucket_notification_configuration(Bucket="photos")
        (ours,) = found["LambdaFunctionConfigurations"]
        foreign = {**ours, "Id": "scar-like", "Events": ["s3:ObjectRemoved:*"]}
        s3.put_bucket_notification_configuration(
            Bucket="photos",
            NotificationConfiguration={"LambdaFunctionConfigurations": [ours, foreign]},  # type: ignore[list-item]
        )
    elif why == "written by another":
        deploy(connection, images, changed(a_function(name="cut"), input=()))
    plan = str(deploy_remove(["crop"], connection, lambda _: None, dry_run=True))
    assert "- function crop" in plan
    assert "- notification photos" in plan
    assert "- bucket" not in plan
    assert remove(connection, "crop") == plan
    assert remaining_resources(connection)["buckets"] == ["photos"]


def test_a_dry_run_lists_an_empty_bucket_that_scar_created(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    plan = str(deploy_remove(["crop"], connection, lambda _: None, dry_run=True))
    assert "- bucket photos" in plan


def test_a_bucket_just_created_has_scar_s_tag(connection: AwsConnection) -> None:
    """The process dies right after CreateBucket."""
    s3 = connection.client("s3")

    def die(**_: object) -> None:
        raise ProcessDied

    s3.meta.events.register_last("after-call.s3.CreateBucket", die)
    handler = BucketHandler(s3, connection.account.region)
    with pytest.raises(ProcessDied):
        handler.create(Bucket(name="photos", folders=("in/",)))
    assert handler.is_empty_and_managed("photos")


def test_where_create_bucket_rejects_tags_they_are_set_afterwards(
    connection: AwsConnection, images: FakeImages
) -> None:
    """Partitions such as GovCloud's."""
    reject_bucket_tags(connection)
    deploy(connection, images, a_function())
    remove(connection, "crop")
    assert remaining_resources(connection) == {}
