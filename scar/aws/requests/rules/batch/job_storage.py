"""Rules of the volumes, mounts and limits of job definitions.

Sources: botocore's model of Batch (Volume, EFSVolumeConfiguration, EFSAuthorizationConfig,
LinuxParameters, Ulimit) and "Amazon EFS volumes" of the AWS Batch User Guide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model.containers import ulimits
from scar.aws.requests.rules.batch.common import client_exception
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_number,
    get_structure,
    get_structures,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOLUME_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


def check_storage(container: Parameters, *, fargate: bool) -> Iterator[RuleViolation]:
    """The volumes, mounts and limits in the properties of a container."""
    yield from _check_volumes(container, fargate=fargate)
    yield from _check_mount_points(container)
    linux = get_structure(container, "linuxParameters")
    for mount in get_structures(linux, "tmpfs"):
        yield from _check_path(mount)
        size = get_number(mount, "size")
        if size is not None and size < 1:
            yield client_exception("tmpfs size must be at least 1 MiB.")
    shared_memory = get_number(linux, "sharedMemorySize")
    if shared_memory is not None and shared_memory < 1:
        yield client_exception("sharedMemorySize must be at least 1 MiB.")
    for limit in get_structures(container, "ulimits"):
        yield from _check_limit(limit)
    if fargate:
        yield from _check_fargate(container, linux)


def _check_fargate(container: Parameters, linux: Parameters) -> Iterator[RuleViolation]:
    for key in ("sharedMemorySize", "tmpfs", "maxSwap", "swappiness", "devices"):
        if linux.get(key):
            yield client_exception(f"linuxParameters.{key} is not supported on FARGATE.")
    if get_structures(container, "ulimits"):
        yield client_exception("ulimits is not supported on FARGATE.")


def _check_volumes(container: Parameters, *, fargate: bool) -> Iterator[RuleViolation]:
    for volume in get_structures(container, "volumes"):
        name = get_text(volume, "name") or ""
        if not _VOLUME_NAME.fullmatch(name):
            yield client_exception(f"Volume name {name!r} must match {_VOLUME_NAME.pattern}.")
        if fargate and get_structure(volume, "host"):
            yield client_exception("host volumes are not supported on FARGATE.")
        yield from _check_efs(get_structure(volume, "efsVolumeConfiguration"), container)
        s3_files = get_structure(volume, "s3filesVolumeConfiguration")
        if s3_files.get("accessPointArn"):
            yield from _check_root(s3_files)
        if s3_files and not container.get("jobRoleArn"):
            yield client_exception("S3Files volumes require jobRoleArn.")


def _check_efs(efs: Parameters, container: Parameters) -> Iterator[RuleViolation]:
    access = get_structure(efs, "authorizationConfig")
    uses_role = access.get("iam") == "ENABLED"
    if access.get("accessPointId"):
        yield from _check_root(efs)
    if (uses_role or access.get("accessPointId")) and efs.get("transitEncryption") != "ENABLED":
        yield client_exception("EFS IAM authorization and access points require transitEncryption.")
    if uses_role and not container.get("jobRoleArn"):
        yield client_exception("EFS IAM authorization requires jobRoleArn.")


def _check_root(volume: Parameters) -> Iterator[RuleViolation]:
    if volume.get("rootDirectory") not in (None, "", "/"):
        yield client_exception("rootDirectory must be omitted or / with an access point.")


def _check_mount_points(container: Parameters) -> Iterator[RuleViolation]:
    names = {volume.get("name") for volume in get_structures(container, "volumes")}
    paths: set[str] = set()
    for point in get_structures(container, "mountPoints"):
        yield from _check_path(point)
        source, path = get_text(point, "sourceVolume"), get_text(point, "containerPath") or ""
        if source not in names:
            yield client_exception(f"Mount point source volume {source} is not a volume.")
        if path in paths:
            yield client_exception(f"Container path {path} is mounted more than once.")
        paths.add(path)


def _check_path(mount: Parameters) -> Iterator[RuleViolation]:
    path = get_text(mount, "containerPath") or ""
    if not path.startswith("/"):
        yield client_exception(f"Container path {path!r} must be absolute.")


def _check_limit(limit: Parameters) -> Iterator[RuleViolation]:
    if limit.get("name") not in ulimits.ULIMIT_NAMES:
        yield client_exception(f"ulimit {limit.get('name')} is not valid.")
    soft, hard = get_number(limit, "softLimit"), get_number(limit, "hardLimit")
    if soft is None or hard is None:
        yield client_exception("A ulimit must have softLimit and hardLimit.")
    elif ulimits.exceeds_hard_limit(soft, hard):
        yield client_exception("The softLimit of a ulimit must not exceed its hardLimit.")
