"""What the engine or the user cannot give is refused with the reason, before it is deployed."""

from __future__ import annotations

from typing import Any

import pytest

from scar.local.engines.storage import TmpfsFolder, highest_limit
from scar.local.engines.tmpfs_options import mount_arguments
from scar.local.file_systems import StorageGuard
from scar.local.moto.calls import MotoCall

ANY = StorageGuard(engine="sandbox", can_mount=True, can_raise=True)
USER = StorageGuard(engine="sandbox", can_mount=True, can_raise=False)
PROCESS = StorageGuard(engine="process", can_mount=False, can_raise=False)
EFS = {"fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1"}}
STORAGE: list[dict[str, Any]] = [
    {"volumes": [{"name": "v", "efsVolumeConfiguration": EFS}]},
    {"linuxParameters": {"sharedMemorySize": 64}},
    {"linuxParameters": {"tmpfs": [{"containerPath": "/a", "size": 1}]}},
    {"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 1}]},
]


def refused(guard: StorageGuard, service: str, operation: str, **parameters: object) -> str:
    """Return the message, empty if the call is accepted."""
    error = guard.check_change(
        MotoCall(service=service, operation=operation, region="r", parameters=parameters)
    )
    if error is None:
        return ""
    assert (error.code, error.status) == ("NotImplemented", 501)
    return error.message


def definition(guard: StorageGuard, **container: object) -> str:
    return refused(guard, "batch", "RegisterJobDefinition", containerProperties=container)


@pytest.mark.parametrize("container", STORAGE)
def test_the_process_engine_mounts_nothing(container: dict[str, Any]) -> None:
    reason = definition(PROCESS, **container)
    assert next(iter(container)) in reason
    assert "scar local start --engine sandbox" in reason
    assert definition(ANY, **container) == definition(USER, **container) == ""


@pytest.mark.parametrize("operation", ["CreateFunction", "UpdateFunctionConfiguration"])
def test_nor_for_functions(operation: str) -> None:
    configs = [{"Arn": "arn", "LocalMountPath": "/mnt/a"}]
    assert "FileSystemConfigs" in refused(PROCESS, "lambda", operation, FileSystemConfigs=configs)
    assert refused(ANY, "lambda", operation, FileSystemConfigs=configs) == ""
    assert refused(PROCESS, "lambda", operation, FileSystemConfigs=[]) == ""


def test_what_has_no_storage_is_accepted_by_all() -> None:
    assert definition(PROCESS, image="i", volumes=[], linuxParameters={}) == ""
    assert refused(PROCESS, "batch", "CreateJobQueue", volumes=[1]) == ""
    assert refused(PROCESS, "batch", "RegisterJobDefinition", containerProperties=None) == ""


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "v", "host": {"sourcePath": "/"}},
        {"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
        {"name": "v"},
    ],
)
def test_only_access_points_are_folders(volume: dict[str, Any]) -> None:
    assert "the volume v " in definition(ANY, volumes=[volume])


@pytest.mark.parametrize("option", ["bind", "shared", "remount", "mode", "size=5"])
def test_other_options_of_tmpfs_are_refused(option: str) -> None:
    tmpfs = [{"containerPath": "/a", "size": 1, "mountOptions": ["exec", option]}]
    assert f"option {option} " in definition(ANY, linuxParameters={"tmpfs": tmpfs})


def test_a_user_cannot_raise_hard_limits() -> None:
    highest = highest_limit("nofile")
    if highest == -1:
        pytest.skip("open files are unlimited here")

    def limit(guard: StorageGuard, hard: int) -> str:
        return definition(guard, ulimits=[{"name": "nofile", "softLimit": 1, "hardLimit": hard}])

    assert limit(USER, highest) == limit(ANY, highest + 1) == limit(ANY, -1) == ""
    for hard in (highest + 1, -1):
        assert f"the highest is {highest}" in limit(USER, hard)


@pytest.mark.parametrize(
    ("options", "flags", "settings"),
    [
        ((), 2 | 4 | 8, "mode=1777,uid=0,gid=0"),
        (("exec",), 2 | 4, "mode=1777,uid=0,gid=0"),
        (("exec", "noexec", "ro"), 1 | 2 | 4 | 8, "mode=1777,uid=0,gid=0"),
        (("ro", "rw", "defaults"), 0, "mode=1777,uid=0,gid=0"),
        (("mode=700", "uid=7", "nr_inodes=9"), 2 | 4 | 8, "mode=700,uid=7,gid=0,nr_inodes=9"),
    ],
)
def test_options_become_flags_and_settings(
    options: tuple[str, ...], flags: int, settings: str
) -> None:
    folder = TmpfsFolder(target="/a", size_mb=5, options=options)
    assert mount_arguments(folder, 0) == ("/a", flags, f"size=5m,{settings}")


def test_owners_are_those_of_the_sandbox() -> None:
    folder = TmpfsFolder(target="/a", size_mb=5, options=("uid=7",))
    assert mount_arguments(folder, 1000)[2] == "size=5m,mode=1777,uid=1007,gid=1000"
