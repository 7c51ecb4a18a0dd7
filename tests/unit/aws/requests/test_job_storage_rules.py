"""Requests with volumes, mounts and limits that Batch refuses are refused before they are sent."""

from __future__ import annotations

from typing import Any

import pytest

from scar.aws.requests.validator import check

EFS = {
    "fileSystemId": "fs-1",
    "transitEncryption": "ENABLED",
    "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
}
VALID: dict[str, Any] = {
    "image": "i",
    "jobRoleArn": "arn:aws:iam::1:role/r",
    "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
    "volumes": [{"name": "v", "efsVolumeConfiguration": EFS}],
    "mountPoints": [{"containerPath": "/mnt/a", "sourceVolume": "v"}],
    "linuxParameters": {"sharedMemorySize": 1, "tmpfs": [{"containerPath": "/s", "size": 1}]},
    "ulimits": [
        {"name": "nofile", "softLimit": 1, "hardLimit": 1},
        {"name": "memlock", "softLimit": -1, "hardLimit": -1},
    ],
}


def violations(platform: str = "EC2", **container: object) -> list[str]:
    properties = {**VALID, **container}
    if platform == "FARGATE":
        properties["executionRoleArn"] = "arn:aws:iam::1:role/e"
    request = {
        "jobDefinitionName": "d",
        "platformCapabilities": [platform],
        "containerProperties": properties,
    }
    return [violation.message for violation in check("batch", "RegisterJobDefinition", request)]


def efs(**changes: object) -> list[dict[str, Any]]:
    return [{"name": "v", "efsVolumeConfiguration": {**EFS, **changes}}]


def test_what_is_right_is_accepted() -> None:
    assert violations() == []
    assert violations(mountPoints=[], volumes=[], linuxParameters={}, ulimits=[]) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"volumes": efs(transitEncryption="DISABLED")}, "require transitEncryption"),
        ({"volumes": efs(rootDirectory="/data")}, "omitted or /"),
        ({"jobRoleArn": ""}, "requires jobRoleArn"),
        ({"volumes": [{"name": "a b"}], "mountPoints": []}, "must match"),
        ({"volumes": []}, "source volume v is not a volume"),
        ({"mountPoints": [{"containerPath": "a", "sourceVolume": "v"}]}, "must be absolute"),
        ({"mountPoints": [*VALID["mountPoints"], *VALID["mountPoints"]]}, "more than once"),
        ({"linuxParameters": {"tmpfs": [{"containerPath": "/s", "size": 0}]}}, "at least 1 MiB"),
        ({"linuxParameters": {"tmpfs": [{"containerPath": "s", "size": 1}]}}, "must be absolute"),
        ({"linuxParameters": {"sharedMemorySize": -1}}, "sharedMemorySize must be"),
        ({"ulimits": [{"name": "files", "softLimit": 1, "hardLimit": 1}]}, "ulimit files"),
        ({"ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 1}]}, "must not exceed"),
        ({"ulimits": [{"name": "nofile", "softLimit": -1, "hardLimit": 1}]}, "must not exceed"),
        ({"ulimits": [{"name": "nofile", "hardLimit": 1}]}, "must have softLimit"),
    ],
)
def test_what_batch_refuses_is_refused(changes: dict[str, Any], expected: str) -> None:
    found = violations(**changes)
    assert len(found) == 1
    assert expected in found[0]


def test_s3_files_need_a_role_and_no_folder() -> None:
    arn = "arn:aws:s3files:eu-west-1:1:file-system/fs-1"
    volume = {"fileSystemArn": arn, "accessPointArn": f"{arn}/access-point/fsap-1"}

    def found(**changes: object) -> list[str]:
        named = {"name": "v", "s3filesVolumeConfiguration": {**volume, **changes}}
        return violations(volumes=[named])

    assert found() == []
    assert "omitted or /" in found(rootDirectory="/x")[0]
    role = violations(volumes=[{"name": "v", "s3filesVolumeConfiguration": volume}], jobRoleArn="")
    assert "S3Files volumes require jobRoleArn" in role[0]


def test_fargate_has_file_systems_only() -> None:
    assert violations("FARGATE", linuxParameters={}, ulimits=[]) == []
    found = violations("FARGATE")
    assert [text.partition(": ")[2] for text in found] != []
    for name in ("sharedMemorySize", "tmpfs", "ulimits"):
        assert any(f"{name} is not supported on FARGATE" in text for text in found)
    host = violations(
        "FARGATE",
        linuxParameters={},
        ulimits=[],
        volumes=[{"name": "v", "host": {"sourcePath": "/"}}],
    )
    assert any("host volumes are not supported" in message for message in host)
