"""The commands that remove what SCAR 4 made: complete for a shell, whatever its AWS CLI uses."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from scar.aws.inventory.scar4.removal import list_removal_steps
from scar.aws.inventory.scar4.watched_buckets import list_watched_buckets
from scar.aws.model.account import Account

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.scar4.functions import Scar4Function

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:cow"


class FakeAws:
    """Every service: a bucket with a rule, a queue, a compute environment and a repository."""

    account = Account("123456789012", "eu-west-1", "aws")

    def client(self, _service: str) -> FakeAws:
        return self

    def get_bucket_notification_configuration(self, **_: object) -> dict[str, Any]:
        rule = {"LambdaFunctionArn": ARN, "Events": ["s3:ObjectCreated:*"]}
        return {"LambdaFunctionConfigurations": [rule]}

    def get_policy(self, **_: object) -> dict[str, Any]:
        return {"Policy": "{}"}

    def describe_job_queues(self, **_: object) -> dict[str, Any]:
        return {"jobQueues": [{}]}

    def describe_compute_environments(self, **_: object) -> dict[str, Any]:
        return {"computeEnvironments": [{}]}

    def describe_repositories(self, **_: object) -> dict[str, Any]:
        return {"repositories": [{}]}


@dataclass
class Cow:
    name: str = "cow"
    arn: str = ARN
    api_id: str = "api1"
    image: str = "cow:latest"


def commands(profile: str) -> list[str]:
    connection, function = cast("AwsConnection", FakeAws()), cast("Scar4Function", Cow())
    sources = list_watched_buckets(connection, function, ["cows"])
    steps = list_removal_steps(connection, function, sources, profile)
    return [command for step in steps for command in step.commands]


@pytest.mark.parametrize("profile", ["", "my $(lab)"])
def test_every_command_names_the_region_and_the_chosen_profile(profile: str) -> None:
    found = commands(profile)
    assert len(found) == 9
    for command in found:
        words = shlex.split(command)
        assert words[0] == "aws"
        assert words[3:5] == ["--region", "eu-west-1"]
        assert words[5:7] == ["--profile", profile] if profile else "--profile" not in words


def test_the_rules_of_a_bucket_are_read_and_written_in_the_same_region() -> None:
    read, write = commands("")[:2]
    assert read.startswith("aws s3api get-bucket-notification-configuration --region eu-west-1 ")
    assert write.startswith("aws s3api put-bucket-notification-configuration --region eu-west-1 ")
