"""The fields of AWS Batch's containerProperties, and those that scar sets itself.

Source: the shape ContainerProperties of the model in botocore 1.43 (2026-11); a test compares it.
Loading the model would take longer than all other checks of a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    # A scalar, a structure, or the one member of a list.
    Shape = Literal["text", "number", "flag", "map"] | Mapping[str, "Shape"] | tuple["Shape"]

_TMPFS: Shape = {"containerPath": "text", "size": "number", "mountOptions": ("text",)}
_DEVICE: Shape = {"hostPath": "text", "containerPath": "text", "permissions": ("text",)}
_NAME_AND_ARN: Shape = {"name": "text", "valueFrom": "text"}

CONTAINER_FIELDS: Mapping[str, Shape] = {
    "image": "text",
    "vcpus": "number",
    "memory": "number",
    "command": ("text",),
    "jobRoleArn": "text",
    "executionRoleArn": "text",
    "volumes": (
        {
            "host": {"sourcePath": "text"},
            "name": "text",
            "efsVolumeConfiguration": {
                "fileSystemId": "text",
                "rootDirectory": "text",
                "transitEncryption": "text",
                "transitEncryptionPort": "number",
                "authorizationConfig": {"accessPointId": "text", "iam": "text"},
            },
            "s3filesVolumeConfiguration": {
                "fileSystemArn": "text",
                "rootDirectory": "text",
                "transitEncryptionPort": "number",
                "accessPointArn": "text",
            },
        },
    ),
    "environment": ({"name": "text", "value": "text"},),
    "mountPoints": ({"containerPath": "text", "readOnly": "flag", "sourceVolume": "text"},),
    "readonlyRootFilesystem": "flag",
    "privileged": "flag",
    "ulimits": ({"hardLimit": "number", "name": "text", "softLimit": "number"},),
    "user": "text",
    "instanceType": "text",
    "resourceRequirements": ({"value": "text", "type": "text"},),
    "linuxParameters": {
        "devices": (_DEVICE,),
        "initProcessEnabled": "flag",
        "sharedMemorySize": "number",
        "tmpfs": (_TMPFS,),
        "maxSwap": "number",
        "swappiness": "number",
    },
    "logConfiguration": {
        "logDriver": "text",
        "options": "map",
        "secretOptions": (_NAME_AND_ARN,),
    },
    "secrets": (_NAME_AND_ARN,),
    "networkConfiguration": {"assignPublicIp": "text"},
    "fargatePlatformConfiguration": {"platformVersion": "text"},
    "enableExecuteCommand": "flag",
    "ephemeralStorage": {"sizeInGiB": "number"},
    "runtimePlatform": {"operatingSystemFamily": "text", "cpuArchitecture": "text"},
    "repositoryCredentials": {"credentialsParameter": "text"},
}

_SIZES = "set batch.vcpus, batch.memory and batch.gpus, which scar checks and raises if needed"
_ROLES = "set iam.role; the roles that scar creates are those that the function's data needs"
OWNED_FIELDS: Mapping[str, str] = {
    "image": "set lambda.container.image: jobs run the image that scar builds, by its digest",
    "command": "the image's entrypoint is scar's supervisor: set lambda.init_script",
    "vcpus": _SIZES,
    "memory": _SIZES,
    "resourceRequirements": _SIZES,
    "jobRoleArn": _ROLES,
    "executionRoleArn": _ROLES,
    "repositoryCredentials": "jobs run the image that scar builds, in ECR",
    "environment": "set batch.environment, whose values no command shows",
    "logConfiguration": "`scar log` and `scar why` read the log group that scar chooses",
    "secrets": "no role that scar creates may read them for ECS",
    "ephemeralStorage": "set batch.compute_resources.disk",
    "runtimePlatform": "set lambda.architecture, which the image is built for",
    "instanceType": "AWS Batch takes it for multi-node jobs only",
    "ulimits": "set batch.ulimits",
    "enableExecuteCommand": "set batch.enable_execute_command",
    "linuxParameters.sharedMemorySize": "set batch.shared_memory",
    "linuxParameters.tmpfs": "set batch.tmpfs",
}
"""Fields that a file cannot set, each with the reason and what to set instead."""

# The names of the volumes of `batch.file_system`.
OWN_VOLUME = "file-system-"
