"""File systems of functions, their mount targets, and the endpoints of the VPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scar.local.file_systems import MountTargetApi
from scar.local.moto.vpc_endpoints import VpcEndpointApi
from tests.functional.local.moto.test_restart import a_function, a_role

if TYPE_CHECKING:
    from tests.functional.local.moto.conftest import MotoCloud

ARN = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
CONFIGS: Any = [{"Arn": ARN, "LocalMountPath": "/mnt/data"}]


def configured(cloud: MotoCloud) -> tuple[object, object]:
    """Return the file systems in GetFunction, and those that the Lambda service mounts."""
    found = cloud.client("lambda").get_function(FunctionName="f")["Configuration"]
    record = cloud.moto.functions.get("f")
    assert record is not None
    return found.get("FileSystemConfigs"), record.file_systems


def test_file_systems_of_functions_are_kept_also_after_a_restart(cloud: MotoCloud) -> None:
    a_function(cloud, a_role(cloud))
    assert configured(cloud) == (None, ())
    before = cloud.moto.functions.get("f")
    awslambda = cloud.client("lambda")
    updated = awslambda.update_function_configuration(FunctionName="f", FileSystemConfigs=CONFIGS)
    assert updated["FileSystemConfigs"] == CONFIGS
    mounted = (CONFIGS, ((ARN, "/mnt/data"),))
    assert configured(cloud) == mounted
    after = cloud.moto.functions.get("f")
    assert before is not None
    assert after is not None
    assert after.revision != before.revision
    awslambda.update_function_configuration(FunctionName="f", MemorySize=1024)
    cloud.restart()
    assert configured(cloud) == mounted
    cloud.client("lambda").update_function_configuration(FunctionName="f", FileSystemConfigs=[])
    assert configured(cloud) == (None, ())


@pytest.fixture
def with_file_systems(cloud: MotoCloud) -> MotoCloud:
    cloud.moto.add_handler(MountTargetApi(cloud.moto.default_vpc).handle_call)
    cloud.moto.add_handler(VpcEndpointApi(cloud.moto.default_vpc).handle_call)
    return cloud


def test_file_systems_have_a_mount_target_in_the_only_vpc(with_file_systems: MotoCloud) -> None:
    (vpc,) = with_file_systems.client("ec2").describe_vpcs()["Vpcs"]
    efs: Any = with_file_systems.client("efs")
    described = efs.describe_mount_targets(AccessPointId="fsap-0123456789abcdef0")
    assert described["MountTargets"] == [
        {"FileSystemId": "fs-0123456789abcdef0", "VpcId": vpc["VpcId"]}
    ]
    s3files: Any = with_file_systems.client("s3files")
    arn = "arn:aws:s3files:us-east-1:123456789012:file-system/fs-0123456789abcdef0"
    assert s3files.list_mount_targets(fileSystemId=arn)["mountTargets"] == [
        {"fileSystemId": arn, "vpcId": vpc["VpcId"]}
    ]


def test_functions_in_the_vpc_reach_s3_and_batch(with_file_systems: MotoCloud) -> None:
    found = with_file_systems.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    assert [(e["ServiceName"], e["State"], e["VpcEndpointType"]) for e in found] == [
        (f"com.amazonaws.us-east-1.{name}", "available", "Interface") for name in ("s3", "batch")
    ]
