"""What can be asked once for all functions is asked once: calls of init, plan and rm by kind."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    fail_next_call,
    remaining_resources,
    remove,
)

if TYPE_CHECKING:
    from botocore.model import OperationModel

    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages

N = 20
# With the failure handler.
ALL = N + 1
TIMEOUT = 30  # seconds; only a failure waits so long


@pytest.fixture
def calls(connection: AwsConnection) -> Counter[str]:
    counted: Counter[str] = Counter()

    def note(model: OperationModel, **_: object) -> None:
        counted[model.name] += 1

    connection.session.events.register("before-call", note)
    return counted


def select(calls: Counter[str], *operations: str) -> dict[str, int]:
    found = {name: calls[name] for name in operations}
    calls.clear()
    return found


def test_lists_are_read_once_for_all_functions(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    functions = [a_function(name=f"crop{number}") for number in range(N)]
    lists = ("DescribeRepositories", "ListRoles", "DescribeJobDefinitions", "ListTags")
    one_each = ("GetFunction", "GetRole", "GetRolePolicy")
    further = ("DescribeLogGroups", "GetRepositoryPolicy", "DescribeImages")

    deploy(connection, images, *functions)
    assert calls.total() <= 20 * N
    assert select(calls, *lists, *one_each, *further) == {
        "DescribeRepositories": 1,
        "ListRoles": 1,
        "DescribeJobDefinitions": 1,
        "ListTags": 0,
        "GetFunction": ALL,
        "GetRole": ALL,
        "GetRolePolicy": 0,
        "DescribeLogGroups": ALL + 1,
        "GetRepositoryPolicy": 0,
        "DescribeImages": 0,
    }

    deploy(connection, images, *functions)
    assert calls.total() <= 16 * N
    assert select(calls, *lists, *one_each, *further) == {
        "DescribeRepositories": 1,
        "ListRoles": 1,
        "DescribeJobDefinitions": 1,
        "ListTags": 0,
        "GetFunction": ALL,
        "GetRole": ALL,
        "GetRolePolicy": ALL,
        "DescribeLogGroups": ALL + 1,
        "GetRepositoryPolicy": ALL,
        "DescribeImages": ALL,
    }

    remove(connection, *(f.name for f in functions))
    assert calls.total() <= 23 * N
    assert select(calls, *lists, *one_each, *further) == {
        "DescribeRepositories": 1,
        "ListRoles": 1,
        "DescribeJobDefinitions": 1,
        "ListTags": 1,
        # The role of instances is looked up too.
        "GetFunction": ALL,
        "GetRole": ALL + 1,
        "GetRolePolicy": ALL,
        "DescribeLogGroups": ALL + 1,
        "GetRepositoryPolicy": ALL,
        "DescribeImages": 0,
    }
    assert remaining_resources(connection) == {}


def test_functions_in_batch_are_listed_too(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    functions = [a_function("lambda-batch", name=f"crop{number}") for number in range(3)]
    deploy(connection, images, *functions)
    calls.clear()
    remove(connection, *(f.name for f in functions))
    assert calls["DescribeRepositories"] == calls["ListRoles"] == 1
    assert remaining_resources(connection) == {}


def test_who_may_not_list_roles_has_each_read(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    deploy(connection, images, a_function("lambda-batch"))
    fail_next_call(connection, "iam", "ListRoles", "AccessDenied")
    calls.clear()
    plan = deploy(connection, images, a_function("lambda"))
    assert "- role crop-eu-west-1-job" in str(plan)
    assert calls["GetRole"] >= 4


def test_what_is_not_listed_is_read_beside_the_lists(
    connection: AwsConnection, images: FakeImages
) -> None:
    """One after the other, the calls would make the longest sequence of an init longer."""
    is_read, seen = threading.Event(), []
    events = connection.session.events

    def wait(**_: object) -> None:
        seen.append(is_read.wait(TIMEOUT))

    events.register("before-call.iam.ListRoles", wait)
    events.register("before-call.batch.DescribeJobDefinitions", lambda **_: is_read.set())
    deploy(connection, images, a_function("lambda"))
    assert seen == [True]


def test_an_error_of_a_list_is_an_error(connection: AwsConnection, images: FakeImages) -> None:
    fail_next_call(connection, "iam", "ListRoles", "ServiceFailure")
    with pytest.raises(Exception, match="list the roles"):
        deploy(connection, images, a_function("lambda"))


def test_the_settings_of_a_new_state_bucket_need_few_calls(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    deploy(connection, images, a_function("lambda"))
    # The state bucket and the user's; the setting is read once, right before it is changed.
    assert calls["CreateBucket"] == 2
    assert calls["GetBucketLifecycleConfiguration"] == 1


def test_the_notifications_of_a_missing_bucket_are_read_once(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    deploy(connection, images, a_function("lambda"))
    # Once to plan, then right before and after the change.
    assert calls["GetBucketNotificationConfiguration"] == 3


def test_a_foreign_repository_of_the_name_is_refused(
    connection: AwsConnection, images: FakeImages
) -> None:
    connection.client("ecr").create_repository(repositoryName="scar/crop")
    with pytest.raises(Exception, match="scar/crop exists and is not managed by scar"):
        deploy(connection, images, a_function("lambda"))


def test_statements_of_others_stay_in_a_repository_that_exists_already(
    connection: AwsConnection, images: FakeImages
) -> None:
    """The list lags behind: the repository exists, and the plan creates it."""
    deploy(connection, images, a_function("lambda"))
    ecr = connection.client("ecr")
    before = ecr.get_repository_policy(repositoryName="scar/crop")["policyText"]
    hide: list[Any] = []

    def empty(parsed: dict[str, Any], **_: object) -> None:
        hide.append(parsed.pop("repositories"))
        parsed["repositories"] = []

    ecr.meta.events.register("after-call.ecr.DescribeRepositories", empty)
    assert "+ repository scar/crop" in str(deploy(connection, images, a_function("lambda")))
    ecr.meta.events.unregister("after-call.ecr.DescribeRepositories", empty)
    assert ecr.get_repository_policy(repositoryName="scar/crop")["policyText"] == before
    assert str(deploy(connection, images, a_function("lambda"))) == "Nothing to change."
