"""Hosts, ARNs and principals follow the partition, for every Region that the SDK knows."""

from __future__ import annotations

import json

import pytest
from botocore.loaders import Loader

from scar.aws.compile import policies
from scar.aws.compile.policies import BucketFolder, DataFlow
from scar.aws.model.account import Account, account_of_registry, partition_of

PARTITIONS = Loader().load_data("partitions")["partitions"]
REGIONS = [
    (partition["id"], partition["outputs"]["dnsSuffix"], region)
    for partition in PARTITIONS
    for region in partition["regions"]
    if not region.endswith("-global")
]


@pytest.mark.parametrize(("partition", "suffix", "region"), REGIONS)
def test_every_region_has_its_partition_and_domain(
    partition: str, suffix: str, region: str
) -> None:
    account = Account("123456789012", region, partition_of(region))
    assert account.partition == partition
    assert account.domain == suffix
    assert account.registry == f"123456789012.dkr.ecr.{region}.{suffix}"
    assert account_of_registry(account.registry) == account
    assert account.arn("batch", "x").startswith(f"arn:{partition}:batch:{region}:")


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda p: str(p["id"]))
def test_a_partition_is_enough_for_the_domain(partition: dict[str, dict[str, str]]) -> None:
    """The printed policy may be for any Region."""
    account = Account("123456789012", "*", str(partition["id"]))
    assert account.domain == partition["outputs"]["dnsSuffix"]


@pytest.mark.parametrize(("partition", "suffix", "region"), REGIONS)
def test_kms_keys_are_used_through_the_host_of_s3(partition: str, suffix: str, region: str) -> None:
    """The key's value is the host of S3's endpoint in the Region, as the SDK builds it."""
    account = Account("123456789012", region, partition)
    flow = DataFlow(
        account=account,
        function="f",
        inputs=(BucketFolder("b", ""),),
        kms_keys=(("b", account.arn("kms", "key/1")),),
    )
    (through,) = (
        s["Condition"]["StringEquals"]["kms:ViaService"]
        for s in json.loads(policies.job_role(flow))["Statement"]
        if s["Action"] == "kms:Decrypt"
    )
    assert through == f"s3.{region}.{suffix}"


@pytest.mark.parametrize("partition", [str(p["id"]) for p in PARTITIONS])
def test_principals_are_not_in_the_partition_s_domain(partition: str) -> None:
    account = Account("1", "*", partition)
    assert account.service_principal("lambda") == "lambda.amazonaws.com"
    china = ".cn" if partition == "aws-cn" else ""
    assert account.service_principal("ec2") == f"ec2.amazonaws.com{china}"
