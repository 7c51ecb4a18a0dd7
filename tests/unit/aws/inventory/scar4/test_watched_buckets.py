"""The buckets that start a function of SCAR 4, by its configuration and its policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from botocore.exceptions import ClientError

from scar.aws.inventory.scar4.conversion import convert_function
from scar.aws.inventory.scar4.functions import Scar4Function
from scar.aws.inventory.scar4.package import PackageContent
from scar.aws.inventory.scar4.removal import list_removal_steps
from scar.aws.inventory.scar4.watched_buckets import buckets_of_policy, list_watched_buckets
from scar.aws.model.account import Account
from scar.errors import ScarError

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:cow"
COW = Scar4Function(name="cow", arn=ARN, role="r", memory=512, timeout=60)


def statement(**elements: object) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::cows"}},
        **elements,
    }


class FakeAws:
    """Services whose answers are values; an answer that is text is the code of an error."""

    account = Account("123456789012", "eu-west-1", "aws")

    def __init__(self, policy: object, notifications: dict[str, object]) -> None:
        self.policy = policy
        self.notifications = notifications

    def client(self, _service: str) -> FakeAws:
        return self

    def get_policy(self, **_: object) -> dict[str, Any]:
        return {"Policy": json.dumps(answer(self.policy))}

    def get_bucket_notification_configuration(self, *, Bucket: str) -> Any:  # noqa: ANN401, N803
        return answer(self.notifications.get(Bucket, "NoSuchBucket"))

    def describe_job_queues(self, **_: object) -> dict[str, Any]:
        return {"jobQueues": []}

    def describe_compute_environments(self, **_: object) -> dict[str, Any]:
        return {"computeEnvironments": []}


def answer(value: object) -> object:
    if isinstance(value, str):
        raise ClientError({"Error": {"Code": value, "Message": value}}, "Operation")
    return value


def rules(*prefixes: str, suffix: str = "") -> dict[str, object]:
    filters = [
        [{"Name": "Prefix", "Value": p}, {"Name": "Suffix", "Value": suffix}] for p in prefixes
    ]
    return {
        "LambdaFunctionConfigurations": [
            {
                "LambdaFunctionArn": ARN,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [f for f in found if f["Value"]]}},
            }
            for found in filters
        ]
    }


def imported(aws: FakeAws, config: dict[str, Any]) -> tuple[Any, str, list[str]]:
    """Return the inputs in the file, the notes, and what is to be removed of buckets."""
    connection = cast("AwsConnection", aws)
    sources = list_watched_buckets(connection, COW, ["named"] if config else [])
    found = convert_function(COW, config, PackageContent(), sources)
    section = yaml.safe_load(found.fdl)["functions"]["aws"][0]["lambda"]
    steps = list_removal_steps(connection, COW, sources)
    removed = [step.resource for step in steps if "notifications" in step.resource]
    return section.get("input"), "\n".join(found.notes), removed


@pytest.mark.parametrize(
    ("found", "buckets"),
    [
        ([statement()], {"cows"}),
        (statement(Condition={"ArnEquals": {"aws:sourcearn": ["arn:aws-cn:s3:::a.b"]}}), {"a.b"}),
        ([statement(), statement(Principal={"Service": "apigateway.amazonaws.com"})], {"cows"}),
        ([statement(Principal={"Service": "apigateway.amazonaws.com"})], set()),
        ([statement(Principal="*")], set()),
        ([statement(Effect="Deny")], set()),
        ([statement(Condition={"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::*"}})], set()),
        ([statement(Condition={"ArnLike": {"AWS:SourceArn": "arn:aws:sns:::cows"}})], set()),
        ([statement(Condition={"StringEquals": {"AWS:SourceAccount": "1"}}), "x"], set()),
        ([], set()),
    ],
)
def test_a_policy_names_buckets_by_the_sources_of_s3(found: object, buckets: set[str]) -> None:
    assert buckets_of_policy(json.dumps({"Statement": found})) == buckets


def test_the_folders_of_the_rules_become_inputs_with_their_suffixes() -> None:
    aws = FakeAws({"Statement": [statement()]}, {"cows": rules("in/", "", suffix=".jpg")})
    inputs, notes, removed = imported(aws, {})
    assert inputs == [
        {"storage_provider": "s3", "path": "cows/in", "suffix": [".jpg"]},
        {"storage_provider": "s3", "path": "cows", "suffix": [".jpg"]},
    ]
    assert "SCAR did not store the input folders" in notes
    assert len(removed) == 1


def test_inputs_of_the_configuration_stay_and_all_buckets_are_cleaned() -> None:
    aws = FakeAws({"Statement": [statement()]}, {"cows": rules("in/"), "named": rules("x/")})
    given = [{"storage_provider": "s3", "path": "named/x"}]
    inputs, notes, removed = imported(aws, {"input": given})
    assert inputs == given
    assert "did not store the input" not in notes
    assert [text.split()[5] for text in removed] == ["cows", "named"]


def test_a_bucket_that_cannot_be_read_is_named_and_listed() -> None:
    aws = FakeAws({"Statement": [statement()]}, {"cows": "AccessDenied"})
    inputs, notes, removed = imported(aws, {})
    assert inputs is None
    assert "The bucket cows may start the function" in notes
    assert removed == [
        f"event notifications of the bucket cows to {ARN} (not readable with these credentials)"
    ]


@pytest.mark.parametrize("policy", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_function_without_a_readable_policy_has_the_buckets_of_its_configuration(
    policy: str,
) -> None:
    aws = FakeAws(policy, {"cows": rules("in/"), "named": rules("x/")})
    assert imported(aws, {})[::2] == (None, [])
    assert len(imported(aws, {"input": [{"path": "named/x"}]})[2]) == 1


def test_a_bucket_that_is_gone_or_starts_other_functions_is_not_listed() -> None:
    other = json.loads(json.dumps(rules("in/")).replace(":cow", ":cow2"))
    buckets: list[dict[str, object]] = [{}, {"cows": {}}, {"cows": other}]
    for found in buckets:
        assert imported(FakeAws({"Statement": [statement()]}, found), {})[::2] == (None, [])


def test_other_errors_are_not_taken_for_none() -> None:
    for aws in (FakeAws("Throttled", {}), FakeAws({"Statement": statement()}, {"cows": "Busy"})):
        with pytest.raises(ScarError, match="read the event notifications of cow"):
            imported(aws, {})
