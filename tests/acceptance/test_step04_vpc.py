"""Step 4: a function in a VPC, created again and again with the same role names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.kit.run import TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(4)
NO_INTERFACES = "the local cloud has no network interfaces and no endpoints"


def test_removed_and_created_again_with_the_same_role_names(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    with network(run) as vpc:
        again = deploy("again", function("again", "again", vpc=vpc))
        for number in range(run.settings.repeats):
            assert "Ready" in again.init().stderr
            assert again.drift(0) == []
            again.put(run.file(f"again/{number}.txt", "x"))
            again.wait()
            again.scar("rm", "-f", "FILE")
        assert again.get().keys() == {f"{n}.txt" for n in range(run.settings.repeats)}
        again.remove()


@pytest.mark.not_shown_here("the local cloud has no EFS")
def test_a_file_system_is_mounted(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    if not run.settings.efs_access_point:
        pytest.skip("not shown here: no access point was given (ACCEPTANCE_EFS_ACCESS_POINT)")
    mount = {"arn": run.settings.efs_access_point, "path": "/mnt/data"}
    with network(run) as vpc:
        mounted = deploy("efs", function("efs", "efs", vpc=vpc, file_system=[mount]))
        mounted.init()
        mounted.put(run.file("efs/one.txt", "x"))
        mounted.wait()
        assert mounted.get() == {"one.txt": b"x"}
        mounted.remove()


@contextmanager
def network(run: AcceptanceRun) -> Iterator[dict[str, list[str]]]:
    """Yield the default VPC's subnets and group, with a gateway endpoint to S3 (free) on AWS."""
    if not run.is_shown("network interfaces", reason=NO_INTERFACES):
        yield {}
        return
    ec2 = run.target.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    here = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    subnets = [each["SubnetId"] for each in ec2.describe_subnets(Filters=here)["Subnets"]]
    default = [*here, {"Name": "group-name", "Values": ["default"]}]
    groups = [
        each["GroupId"] for each in ec2.describe_security_groups(Filters=default)["SecurityGroups"]
    ]
    service = f"com.amazonaws.{run.target.region}.s3"
    present = ec2.describe_vpc_endpoints(
        Filters=[*here, {"Name": "service-name", "Values": [service]}]
    )
    made = "" if present["VpcEndpoints"] else make_endpoint(run, vpc["VpcId"], service)
    try:
        yield {"subnets": subnets[:2], "security_group_ids": groups}
    finally:
        if made:
            ec2.delete_vpc_endpoints(VpcEndpointIds=[made])


def make_endpoint(run: AcceptanceRun, vpc: str, service: str) -> str:
    """Create a gateway endpoint in all route tables of the VPC; return its id."""
    ec2 = run.target.client("ec2")
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    tables = [
        each["RouteTableId"] for each in ec2.describe_route_tables(Filters=here)["RouteTables"]
    ]
    tags = [{"Key": TAG, "Value": run.settings.run}]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=service,
        VpcEndpointType="Gateway",
        RouteTableIds=tables,
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tags}],
    )
    return str(endpoint["VpcEndpoint"]["VpcEndpointId"])
