"""File systems and resource limits in the properties of a container, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.model.containers.container_fields import OWN_VOLUME
from scar.aws.model.resources import FileSystemMount, JobUlimit, TmpfsMount

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import (
        ContainerPropertiesOutputTypeDef,
        ContainerPropertiesUnionTypeDef,
        TmpfsOutputTypeDef,
        VolumeTypeDef,
    )

    from scar.aws.model.resources import JobDefinition


def add_storage(container: ContainerPropertiesUnionTypeDef, resource: JobDefinition) -> None:
    """Add what the definition mounts and its limits, in place; nothing if it has none.

    On Fargate, EFS and S3 Files need platform version 1.4.0 (docs: Amazon EFS volumes). Without
    one in the request, Batch uses LATEST, which is 1.4.0 or later.
    """
    if resource.file_systems:
        container["volumes"] = [
            _volume(f"{OWN_VOLUME}{number}", mount)
            for number, mount in enumerate(resource.file_systems, start=1)
        ]
        container["mountPoints"] = [
            {
                "containerPath": mount.path,
                "readOnly": mount.read_only,
                "sourceVolume": f"{OWN_VOLUME}{number}",
            }
            for number, mount in enumerate(resource.file_systems, start=1)
        ]
    if resource.tmpfs:
        # Any: the types of requests and of descriptions differ in the type of this list.
        tmpfs: list[Any] = [_tmpfs(mount) for mount in resource.tmpfs]
        container["linuxParameters"] = {"tmpfs": tmpfs}
    if resource.ulimits:
        container["ulimits"] = [
            {"name": limit.name, "softLimit": limit.soft, "hardLimit": limit.hard}
            for limit in resource.ulimits
        ]


def parse_file_systems(
    container: ContainerPropertiesOutputTypeDef, *, has_raw: bool = False
) -> tuple[FileSystemMount, ...]:
    """Return the mounts of a job definition; a volume of another kind has no access point.

    ``has_raw``: mounts of volumes that scar does not name are raw ones, and none of these.
    """
    volumes = {volume.get("name", ""): volume for volume in container.get("volumes", [])}
    return tuple(
        sorted(
            _parse_mount(
                point.get("containerPath", ""),
                volumes.get(point.get("sourceVolume", ""), {}),
                read_only=point.get("readOnly", False),
            )
            for point in container.get("mountPoints", [])
            if not has_raw or point.get("sourceVolume", "").startswith(OWN_VOLUME)
        )
    )


def parse_tmpfs(container: ContainerPropertiesOutputTypeDef) -> tuple[TmpfsMount, ...]:
    found = container.get("linuxParameters", {}).get("tmpfs", [])
    return tuple(
        sorted(
            TmpfsMount(item["containerPath"], item["size"], tuple(item.get("mountOptions", ())))
            for item in found
        )
    )


def parse_ulimits(container: ContainerPropertiesOutputTypeDef) -> tuple[JobUlimit, ...]:
    return tuple(
        sorted(
            JobUlimit(item["name"], item["softLimit"], item["hardLimit"])
            for item in container.get("ulimits", [])
        )
    )


def _tmpfs(mount: TmpfsMount) -> TmpfsOutputTypeDef:
    request: TmpfsOutputTypeDef = {"containerPath": mount.path, "size": mount.size}
    if mount.options:
        request["mountOptions"] = list(mount.options)
    return request


def _volume(name: str, mount: FileSystemMount) -> VolumeTypeDef:
    if mount.is_s3_files:
        return {
            "name": name,
            "s3filesVolumeConfiguration": {
                "fileSystemArn": mount.file_system,
                "accessPointArn": mount.access_point,
            },
        }
    return {
        "name": name,
        "efsVolumeConfiguration": {
            "fileSystemId": mount.file_system,
            # Required by both the access point and IAM (model: EFSAuthorizationConfig).
            "transitEncryption": "ENABLED",
            "authorizationConfig": {"accessPointId": mount.access_point, "iam": "ENABLED"},
        },
    }


def _parse_mount(path: str, volume: VolumeTypeDef, *, read_only: bool) -> FileSystemMount:
    if s3_files := volume.get("s3filesVolumeConfiguration"):
        arn = s3_files.get("accessPointArn", "")
        return FileSystemMount(path, s3_files["fileSystemArn"], arn, read_only)
    efs = volume.get("efsVolumeConfiguration")
    if efs is None:
        return FileSystemMount(path, volume.get("host", {}).get("sourcePath", ""), "", read_only)
    access = efs.get("authorizationConfig", {})
    uses_role = access.get("iam") == efs.get("transitEncryption") == "ENABLED"
    point = access.get("accessPointId", "") if uses_role else ""
    return FileSystemMount(path, efs["fileSystemId"], point, read_only)
