"""Jobs mount a file system of the account: its id and its mount targets are read first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.validation.deployment_checks import NotDeployableError
from scar.errors import ConfigurationError
from scar.fdl.model import BatchSpec
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    fail_next_call,
    remaining_resources,
)

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages


def an_access_point(connection: AwsConnection, subnet: str = "") -> tuple[str, str]:
    """Create a file system with an access point and a mount target; return id and ARN."""
    efs: Any = connection.session.client("efs")
    file_system = efs.create_file_system(CreationToken="data")["FileSystemId"]
    if subnet:
        efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet)
    point = efs.create_access_point(ClientToken="data", FileSystemId=file_system)
    return file_system, point["AccessPointArn"]


def mounting(arn: str, **more: object) -> Function:
    mount = {"arn": arn, "path": "/mnt/data", **more}
    batch = BatchSpec.model_validate(
        {"file_system": mount, "tmpfs": {"path": "/scratch", "size": 64}, "ulimits": {"core": 0}}
    )
    return changed(a_function("batch"), batch=batch)


def a_subnet(connection: AwsConnection) -> str:
    return connection.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]


def test_the_id_of_the_file_system_is_read_and_the_second_plan_is_empty(
    connection: AwsConnection, images: FakeImages
) -> None:
    file_system, arn = an_access_point(connection, a_subnet(connection))
    deploy(connection, images, mounting(arn))
    batch = connection.client("batch")
    (definition,) = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    (volume,) = definition["containerProperties"]["volumes"]
    assert volume["efsVolumeConfiguration"]["fileSystemId"] == file_system
    assert not deploy(connection, images, mounting(arn)).changes
    changes = deploy(connection, images, mounting(arn, read_only=True)).changes
    assert {change.resource.key.kind for change in changes} == {"role", "job-definition"}


def test_a_file_system_in_another_vpc_is_an_error(
    connection: AwsConnection, images: FakeImages
) -> None:
    ec2 = connection.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    _, arn = an_access_point(connection, subnet)
    with pytest.raises(NotDeployableError, match=f"mount targets in {vpc}, but jobs run in"):
        deploy(connection, images, mounting(arn))
    assert remaining_resources(connection) == {}


def test_a_file_system_without_mount_targets_is_an_error(
    connection: AwsConnection, images: FakeImages
) -> None:
    _, arn = an_access_point(connection)
    with pytest.raises(NotDeployableError, match="has no mount target"):
        deploy(connection, images, mounting(arn))


def test_without_the_right_to_read_it_the_id_in_the_fdl_is_enough(
    connection: AwsConnection, images: FakeImages
) -> None:
    _, arn = an_access_point(connection, a_subnet(connection))
    fail_next_call(connection, "efs", "DescribeMountTargets")
    with pytest.raises(ConfigurationError, match=r"is not known") as caught:
        deploy(connection, images, mounting(arn))
    assert "file_system_id" in caught.value.remedy
    fail_next_call(connection, "efs", "DescribeMountTargets")
    assert deploy(connection, images, mounting(arn, file_system_id="fs-12345678")).changes
