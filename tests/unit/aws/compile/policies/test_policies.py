"""The policies and trust policies of generated roles."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scar.aws.compile import policies
from scar.aws.compile.policies import BucketFolder, DataFlow
from scar.aws.model.account import Account

ACCOUNT = Account("123456789012", "eu-west-1")
FLOW = DataFlow(
    account=ACCOUNT,
    function="crop",
    inputs=(BucketFolder("photos", "in/"),),
    outputs=(BucketFolder("photos", "out/"), BucketFolder("thumbs", "")),
    queue="scar-1",
)


def statements(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def allowing(text: str, action: str) -> list[dict[str, Any]]:
    return [s for s in statements(text) if action in s["Action"] or action == s["Action"]]


def test_no_role_may_create_log_groups() -> None:
    roles = (
        policies.lambda_role(FLOW),
        policies.job_role(FLOW),
        policies.execution_role(ACCOUNT, "crop", "scar/crop"),
        policies.instance_role(ACCOUNT),
        policies.failure_handler_role(ACCOUNT, "scar-failure-handler"),
    )
    assert not any(allowing(role, "logs:CreateLogGroup") for role in roles)


def test_a_listing_needs_the_prefix_of_an_own_folder() -> None:
    photos, state, thumbs = allowing(policies.job_role(FLOW), "s3:ListBucket")
    assert photos["Condition"] == {"StringLike": {"s3:prefix": ["in/*", "out/*"]}}
    assert state["Condition"] == {"StringLike": {"s3:prefix": ["runs/crop/*"]}}
    assert "Condition" not in thumbs  # the whole bucket is the output


def test_keys_of_encrypted_buckets_are_used_through_s3_only() -> None:
    flow = DataFlow(
        account=ACCOUNT,
        function="f",
        inputs=(BucketFolder("a", ""),),
        outputs=(BucketFolder("b", ""),),
        kms_keys=(("a", "arn:key-a"), ("b", "arn:key-b"), ("c", "arn:key-c")),
    )
    reading, writing = allowing(policies.lambda_role(flow), "kms:Decrypt")
    assert (reading["Action"], reading["Resource"]) == ("kms:Decrypt", ["arn:key-a"])
    assert writing["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert writing["Resource"] == ["arn:key-b"]
    through = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    assert reading["Condition"] == writing["Condition"] == through


def test_network_interfaces_and_file_systems_are_allowed_only_if_used() -> None:
    assert not allowing(policies.lambda_role(FLOW), "ec2:CreateNetworkInterface")
    flow = DataFlow(
        account=ACCOUNT, function="f", in_vpc=True, file_systems=(("arn:fs", "arn:point"),)
    )
    assert allowing(policies.lambda_role(flow), "ec2:CreateNetworkInterface")
    (mount,) = allowing(policies.lambda_role(flow), "elasticfilesystem:ClientMount")
    assert mount["Resource"] == "arn:fs"
    assert mount["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": "arn:point"}}


@pytest.mark.parametrize(
    ("account", "service", "principal"),
    [
        (ACCOUNT, "lambda", "lambda.amazonaws.com"),
        (Account("1", "cn-north-1", "aws-cn"), "lambda", "lambda.amazonaws.com"),
        (Account("1", "cn-north-1", "aws-cn"), "ec2", "ec2.amazonaws.com.cn"),
        (Account("1", "us-gov-west-1", "aws-us-gov"), "ec2", "ec2.amazonaws.com"),
    ],
)
def test_principals_follow_the_partition(account: Account, service: str, principal: str) -> None:
    (statement,) = statements(policies.trust_policy(service, account))
    assert statement["Principal"] == {"Service": principal}
    assert "Condition" not in statement


def test_jobs_may_submit_jobs_only_if_the_function_has_retries() -> None:
    assert not allowing(policies.job_role(FLOW), "batch:SubmitJob")
    flow = replace(FLOW, queue="scar-1", resubmits=True)
    (statement,) = allowing(policies.job_role(flow), "batch:SubmitJob")
    resources = statement["Resource"]
    assert isinstance(resources, list)
    assert [arn.rpartition(":")[2].partition("/")[0] for arn in resources if "*" not in arn] == [
        "job-definition",
        "job-queue",
    ]
    # To find out why an earlier attempt of the job ended.
    assert allowing(policies.job_role(flow), "batch:DescribeJobs")
    assert not allowing(policies.job_role(FLOW), "batch:DescribeJobs")


def test_tasks_of_other_accounts_cannot_assume_a_job_role() -> None:
    (statement,) = statements(policies.trust_policy("ecs-tasks", ACCOUNT))
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-west-1:123456789012:*"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_every_arn_is_of_the_partition() -> None:
    account = Account("1", "cn-north-1", "aws-cn")
    flow = DataFlow(account=account, function="f", inputs=(BucketFolder("a", ""),), queue="q")
    for text in (policies.lambda_role(flow), policies.instance_role(account)):
        assert "arn:aws:" not in text


def test_instances_may_tag_their_cluster_and_themselves_at_registration_only() -> None:
    statements = json.loads(policies.instance_role(ACCOUNT))["Statement"]
    (tagging,) = (s for s in statements if "ecs:TagResource" in s["Action"])
    assert tagging["Action"] in ("ecs:TagResource", ["ecs:TagResource"])
    assert tagging["Condition"] == {
        "StringEquals": {"ecs:CreateAction": ["CreateCluster", "RegisterContainerInstance"]}
    }
