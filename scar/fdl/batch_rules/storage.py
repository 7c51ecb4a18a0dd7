"""Rules of what jobs mount, and of their resource limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model.containers.ulimits import exceeds_hard_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model.batch import BatchSpec
    from scar.fdl.problems import Location

Rule = tuple["Location", str]

# A mount there would hide the supervisor, its workspace or the kernel's file systems; so would one
# on a folder above them.
_SUPERVISOR_FOLDERS = ("/opt/scar", "/tmp")  # noqa: S108
_SYSTEM_FOLDERS = ("/dev", "/etc", "/proc", "/sys")
_WORKSPACE = re.compile(r"/tmp/scar[^/]*(/.*)?")  # noqa: S108
# AWS lists more (model: Tmpfs.mountOptions), such as `bind`, which mean nothing for a new tmpfs.
_FLAGS = re.compile(
    "defaults|ro|rw|(no)?(suid|dev|exec|atime|diratime|relatime|strictatime)|a?sync|dirsync"
)
_SETTINGS = re.compile(
    r"(mode=[0-7]{1,4}|(uid|gid|nr_inodes|nr_blocks)=\d{1,10}|mpol=[a-z0-9:,-]+)"
)


def check_storage(batch: BatchSpec, section: Location) -> Iterator[Rule]:
    """Check mounts and limits on EC2 and Fargate alike."""
    yield from _check_paths(batch, section)
    for number, item in enumerate(batch.file_system):
        if item.is_s3_files and item.file_system_id:
            key: Location = (*section, "file_system", number, "file_system_id")
            yield key, "is for EFS only: the ARN of an S3 Files access point contains it; omit it"
    for number, mount in enumerate(batch.tmpfs):
        for option in mount.mount_options:
            if not _FLAGS.fullmatch(option) and not _SETTINGS.fullmatch(option):
                key = (*section, "tmpfs", number, "mount_options")
                yield key, f"{option!r} is not an option of tmpfs, such as exec or mode=700"
    for name, limit in batch.ulimits.items():
        if exceeds_hard_limit(limit.soft, limit.hard):
            yield (
                (*section, "ulimits", name),
                f"the soft limit, {limit.soft}, is larger than the hard limit, {limit.hard}",
            )
    yield from _check_memory(batch, section)


def check_fargate_storage(batch: BatchSpec, section: Location) -> Iterator[Rule]:
    """Check for what Fargate does not have (model: LinuxParameters, Ulimit)."""
    for key in ("shared_memory", "tmpfs", "ulimits"):
        if getattr(batch, key):
            yield (*section, key), "Fargate does not have it; use EC2 or SPOT, or omit it"


def _check_paths(batch: BatchSpec, section: Location) -> Iterator[Rule]:
    earlier: list[str] = []
    for location, path in _list_mounts(batch):
        where = (*section, *location)
        if problem := _path_problem(path):
            yield where, problem
        for other in earlier:
            if _contains(other, path) or _contains(path, other):
                yield where, f"{path} overlaps with another mount, {other}"
        earlier.append(path)


def _list_mounts(batch: BatchSpec) -> Iterator[tuple[Location, str]]:
    """Yield the location and path of each mount, of raw ones too; these may have any form."""
    for number, item in enumerate(batch.file_system):
        yield ("file_system", number, "path"), item.path
    for number, mount in enumerate(batch.tmpfs):
        yield ("tmpfs", number, "path"), mount.path
    points = batch.container_properties.get("mountPoints")
    for number, point in enumerate(points if isinstance(points, list) else ()):
        path = point.get("containerPath") if isinstance(point, dict) else None
        if isinstance(path, str):
            location = ("container_properties", "mountPoints", number, "containerPath")
            yield location, re.sub(r"/+", "/", f"{path}/").removesuffix("/") or "/"


def _path_problem(path: str) -> str:
    if not path.startswith("/"):
        return f"{path!r} is not an absolute path"
    if {".", ".."} & set(path.split("/")):
        return f"{path} has a '.' or '..' part"
    for folder in _SUPERVISOR_FOLDERS:
        if _contains(path, folder):
            return f"a mount on {path} would hide {folder}, which the supervisor needs"
    if _contains("/opt/scar", path) or _WORKSPACE.fullmatch(path):
        return f"{path} is one of the supervisor's own folders"
    for folder in _SYSTEM_FOLDERS:
        if _contains(folder, path):
            hint = "; shared_memory sets the size of /dev/shm" if folder == "/dev" else ""
            return f"{path} is part of {folder}, which belongs to the operating system{hint}"
    return ""


def _contains(folder: str, path: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _check_memory(batch: BatchSpec, section: Location) -> Iterator[Rule]:
    """Check that file systems in memory, which count as the job's memory, leave some of it."""
    in_memory = batch.shared_memory + sum(mount.size for mount in batch.tmpfs)
    if in_memory >= batch.memory:
        key = "tmpfs" if batch.tmpfs else "shared_memory"
        yield (
            (*section, key),
            (
                f"file systems in memory can take {in_memory} MiB, and the job's memory is"
                f" {batch.memory} MiB: raise batch.memory, or reduce them"
            ),
        )
