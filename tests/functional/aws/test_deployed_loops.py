"""Loops with functions that were deployed before are refused, with the way of the objects."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from scar.aws.deploy.deploy import init
from scar.aws.validation.deployment_checks import NotDeployableError
from scar.fdl.model import StorageSpec
from supervisor.config import function_config_key
from tests.fakes.functions import changed, new_function
from tests.fakes.moto_compat import ACCOUNT
from tests.functional.aws.support.factories import a_role, deploy, remaining_resources, remove

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

STATE = f"scar-{ACCOUNT}-eu-west-1"
ARN = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:"


def linked(name: str, reads: str, writes: str, **keys: object) -> Function:
    """Return a function that reads one folder and writes another."""
    return new_function(
        name=name,
        image="busybox:1",
        input=(StorageSpec(path=reads),),
        output=(StorageSpec(path=writes),),
        **keys,
    )


A = linked("a", "photos/in", "photos/out")
B = linked("b", "photos/out", "photos/in")


def refusal(connection: AwsConnection, images: FakeImages, *functions: Function) -> str:
    """Return why a deployment is refused; it changes nothing, and its plan is refused too."""
    before = remaining_resources(connection)
    with pytest.raises(NotDeployableError) as caught:
        deploy(connection, images, *functions)
    with pytest.raises(NotDeployableError) as planned:
        init(functions, connection, lambda _: None, images=images, dry_run=True)
    assert str(planned.value) == str(caught.value)
    assert remaining_resources(connection) == before
    return caught.value.problem


def test_a_function_that_closes_a_loop_with_a_deployed_one_is_refused(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, A)
    problem = refusal(connection, images, B)
    assert "b -> photos/in -> a -> photos/out -> b" in problem
    assert "a is deployed already" in problem
    assert "scar rm a" in problem
    assert "allow_loop: true for each of b, a" in problem


def test_an_update_that_closes_a_loop_is_refused(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, A)
    elsewhere = linked("b", "photos/out", "photos/elsewhere")
    deploy(connection, images, elsewhere)
    assert "b -> photos/in -> a" in refusal(connection, images, B)
    deploy(connection, images, changed(elsewhere, memory=1024))
    back = linked("a", "photos/in", "photos/in2")
    deploy(connection, images, back)
    deploy(connection, images, B)  # no loop any more
    assert "a -> photos/out -> b" in refusal(connection, images, A)


@pytest.mark.parametrize("allowing", ["a", "b"])
def test_a_loop_is_deployed_if_one_of_its_functions_allows_it(
    connection: AwsConnection, images: FakeImages, allowing: str
) -> None:
    first, second = (changed(f, allow_loop=f.name == allowing) for f in (A, B))
    deploy(connection, images, first)
    deploy(connection, images, second)
    for function in (first, second):
        assert str(deploy(connection, images, function)) == "Nothing to change."
    # Without the permission the loop is refused again, whichever function is deployed.
    forbidding = A if allowing == "a" else B
    assert f"{allowing} -> " in refusal(connection, images, forbidding)


def test_a_chain_over_three_deployments_and_two_buckets_is_followed(
    connection: AwsConnection, images: FakeImages
) -> None:
    """Outputs go to folders below the inputs."""
    deploy(connection, images, linked("a", "photos/in", "films/a"))
    deploy(connection, images, linked("c", "photos/b", "photos/in/x"))
    last = linked("b", "films", "photos/b/deep")
    problem = refusal(connection, images, last)
    assert "b -> photos/b/deep -> c -> photos/in/x -> a -> films/a -> b" in problem
    assert "c, a are deployed already" in problem
    deploy(connection, images, linked("b", "films", "photos/elsewhere"))


def test_a_loop_through_two_functions_of_the_file_names_them_all(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, A)
    first, second = linked("b", "photos/out", "photos/b"), linked("c", "photos/b", "photos/in")
    problem = refusal(connection, images, first, second)
    assert "b -> photos/b -> c -> photos/in -> a -> photos/out -> b" in problem
    assert problem.count(" -> a -> ") == 1


def test_a_replaced_or_removed_function_counts_as_it_will_be(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, A)
    other = linked("a", "photos/in", "photos/elsewhere")
    deploy(connection, images, other, B)
    remove(connection, "a")
    deploy(connection, images, linked("d", "photos/in", "photos/x"))
    assert "d -> photos/out -> b" in refusal(
        connection, images, linked("d", "photos/in", "photos/out")
    )


@pytest.mark.parametrize(
    ("reads", "writes", "is_loop"),
    [
        ({"suffix": (".jpg",)}, {"suffix": (".png",)}, False),
        ({"suffix": (".jpg",)}, {"suffix": (".png", ".jpg")}, True),
        ({"suffix": (".jpg",)}, {}, True),
        ({}, {"prefix": ("res",)}, True),
        ({"path": "photos/in/sub"}, {"prefix": ("sub/",)}, True),
        ({"path": "photos/in/sub"}, {"prefix": ("other/",)}, False),
        ({"path": "photos/in/sub"}, {}, True),  # the script may write below its output folder
        ({"path": "photos/in/sub", "suffix": (".jpg",)}, {"suffix": (".png",)}, False),
        ({"path": "photos/in2"}, {}, False),
        ({"path": "photos"}, {}, False),  # "a" would start itself, see below
    ],
)
def test_prefixes_and_suffixes_are_considered(
    connection: AwsConnection,
    images: FakeImages,
    reads: dict[str, Any],
    writes: dict[str, Any],
    *,
    is_loop: bool,
) -> None:
    own = StorageSpec(path="films/out")
    if reads.get("path") == "photos":
        own = StorageSpec(path="films/elsewhere")
    source = StorageSpec(**{"path": "photos/in", **reads})
    deploy(connection, images, changed(A, input=(source,), output=(own,)))
    target = StorageSpec(**{"path": "photos/in", **writes})
    closing = changed(B, input=(StorageSpec(path="films/out"),), output=(target,))
    if is_loop:
        assert "b -> photos/in -> a" in refusal(connection, images, closing)
    else:
        deploy(connection, images, closing)


def test_a_function_with_the_user_s_role_is_known_too(
    connection: AwsConnection, images: FakeImages
) -> None:
    role = a_role(connection, "mine", "lambda")
    deploy(connection, images, changed(A, role=role))
    assert "b -> photos/in -> a" in refusal(connection, images, B)


def add_rule(connection: AwsConnection, function: str, prefix: str, event: str) -> None:
    """Add a notification as another tool would."""
    s3 = connection.client("s3")
    found = s3.get_bucket_notification_configuration(Bucket="photos")
    rule: Any = {
        "Id": "theirs",
        "LambdaFunctionArn": ARN + function,
        "Events": [event],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
    }
    rules = [*found.get("LambdaFunctionConfigurations", []), rule]
    s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"LambdaFunctionConfigurations": rules}
    )


@pytest.mark.parametrize(
    ("event", "is_loop"), [("s3:ObjectCreated:Put", True), ("s3:ObjectRemoved:*", False)]
)
def test_another_tool_s_notification_may_close_a_loop(
    connection: AwsConnection, images: FakeImages, event: str, *, is_loop: bool
) -> None:
    elsewhere = linked("a", "photos/in", "films/out")
    deploy(connection, images, elsewhere)
    connection.client("s3").create_bucket(
        Bucket="other", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    add_rule(connection, "a", "res", event)
    closing = linked("a", "photos/in", "photos/results")
    if is_loop:
        problem = refusal(connection, images, closing)
        assert "a -> photos/results -> a" in problem
        assert "which scar did not create" in problem
    else:
        deploy(connection, images, closing)


def test_a_started_function_of_another_tool_is_a_note_of_the_plan(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, A)
    add_rule(connection, "theirs", "b/", "s3:ObjectCreated:*")
    plan = deploy(connection, images, linked("b", "photos/out", "photos/b"))
    (note,) = (n for n in plan.notes if "theirs" in n)
    assert "scar did not deploy it" in note


def test_a_function_of_an_earlier_release_is_a_note_of_the_plan(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, A)
    s3, key = connection.client("s3"), function_config_key("a")
    record = json.loads(s3.get_object(Bucket=STATE, Key=key)["Body"].read())
    old = {**record, "outputs": []}
    del old["allow_loop"]
    for text, reason in (
        (json.dumps(old), "earlier release"),
        (json.dumps({**record, "format": 99}), "another release"),
        ("{damaged", "another release"),
        ("[]", "earlier release"),
    ):
        s3.put_object(Bucket=STATE, Key=key, Body=text.encode())
        plan = init([B], connection, lambda _: None, images=images, dry_run=True)
        (note,) = (n for n in plan.notes if "the deployed function a" in n)
        assert reason in note
    deploy(connection, images, A)  # writes its record again
    assert "b -> photos/in -> a" in refusal(connection, images, B)


def test_buckets_that_may_not_be_read_are_a_note_and_no_error(
    connection: AwsConnection, images: FakeImages
) -> None:
    s3 = connection.client("s3")

    def deny(params: dict[str, Any], **_: object) -> None:
        if "films" in str(params["url_path"]) + str(params["context"]):
            error: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(error, "GetBucketNotificationConfiguration")

    s3.meta.events.register("before-call.s3.GetBucketNotificationConfiguration", deny)
    plan = deploy(connection, images, linked("a", "photos/in", "films/out"))
    assert any("notifications of bucket films cannot be read" in note for note in plan.notes)


def test_a_function_that_starts_no_other_costs_one_request_for_each_further_bucket(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, A)
    calls: Counter[str] = Counter()
    connection.client("s3").meta.events.register(
        "before-call.s3", lambda model, **_: calls.update([model.name])
    )
    init([A], connection, lambda _: None, images=images, dry_run=True)
    assert calls["GetBucketNotificationConfiguration"] == 1
    records = calls["GetObject"]  # the lock, and the function's own record
    calls.clear()
    init([changed(A, name="c", input=())], connection, lambda _: None, images=images, dry_run=True)
    assert calls["GetObject"] <= records
