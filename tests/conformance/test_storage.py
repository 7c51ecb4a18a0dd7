"""Sandboxes mount folders and file systems in memory, and have the limits that they ask for.

The ``process`` engine does neither, and declares it (``storage`` in its guarantees).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.port import EngineError, SandboxProfile
from scar.local.engines.storage import (
    FolderMount,
    ResourceLimit,
    SandboxStorage,
    TmpfsFolder,
    highest_limit,
)
from tests.container_skips import NOT_FOR_ENGINE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.sandbox_starter import SandboxStarter

BATCH, LAMBDA = SandboxProfile.BATCH, SandboxProfile.LAMBDA
PROFILES = pytest.mark.parametrize("profile", [LAMBDA, BATCH])


def test_an_engine_that_mounts_nothing_refuses_to_start(bench: SandboxStarter) -> None:
    if bench.harness.engine.guarantees.storage:
        pytest.skip(f"{NOT_FOR_ENGINE}: this engine mounts")
    with pytest.raises(EngineError, match="has mounts or limits"):
        bench.start("exit 0", storage=SandboxStorage(shared_memory_mb=64))


@pytest.fixture
def mounting(bench: SandboxStarter) -> SandboxStarter:
    if not bench.harness.engine.guarantees.storage:
        pytest.skip("this engine mounts nothing")
    return bench


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Return a folder that users of all sandboxes can write to."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "given").write_text("from outside")
    return folder


def run(
    bench: SandboxStarter, script: str, storage: SandboxStorage, profile: SandboxProfile = BATCH
) -> str:
    sandbox, output = bench.start(script, profile=profile, storage=storage)
    ended = sandbox.wait(300)
    assert ended is not None
    assert ended.status == 0, output.text
    return output.text


def folder_at(shared: Path, target: str, *, read_only: bool = False) -> SandboxStorage:
    mount = FolderMount(source=str(shared), target=target, read_only=read_only)
    return SandboxStorage(folders=(mount,))


@PROFILES
def test_a_folder_is_read_and_written(
    mounting: SandboxStarter, shared: Path, profile: SandboxProfile
) -> None:
    script = "cat /mnt/data/given; echo inside > /mnt/data/made; ls /dev/.scar* 2>&1 | wc -l"
    text = run(mounting, script, folder_at(shared, "/mnt/data"), profile)
    assert text.split() == ["from", "outside1"]
    assert (shared / "made").read_text() == "inside\n"


@PROFILES
def test_a_folder_is_shared_by_sandboxes_of_both_profiles(
    mounting: SandboxStarter, shared: Path, profile: SandboxProfile
) -> None:
    other = LAMBDA if profile is BATCH else BATCH
    storage = folder_at(shared, "/mnt/data")
    run(mounting, "echo one > /mnt/data/one", storage, profile)
    assert run(mounting, "cat /mnt/data/one", storage, other) == "one\n"


@PROFILES
def test_a_read_only_folder_cannot_be_written_to(
    mounting: SandboxStarter, shared: Path, profile: SandboxProfile
) -> None:
    script = (
        "cat /mnt/data/given; echo; for name in given made; do"
        " (echo x > /mnt/data/$name) 2>/dev/null && echo written; done;"
        " mount -o remount,rw /mnt/data 2>/dev/null && echo remounted;"
        " rm /mnt/data/given 2>/dev/null && echo removed; :"
    )
    storage = folder_at(shared, "/mnt/data", read_only=True)
    assert run(mounting, script, storage, profile) == "from outside\n"
    assert [path.name for path in shared.iterdir()] == ["given"]


def test_a_link_in_the_image_does_not_lead_to_the_host(
    mounting: SandboxStarter, shared: Path
) -> None:
    """``/linked`` of the image is a link to ``/etc``: the folder is mounted in the sandbox's."""
    storage = folder_at(shared, "/linked/scar-test-data")
    assert run(mounting, "cat /etc/scar-test-data/given", storage) == "from outside"
    assert not os.path.lexists("/etc/scar-test-data")


def test_a_link_in_a_folder_ends_in_the_sandbox(mounting: SandboxStarter, shared: Path) -> None:
    (shared / "secret").symlink_to("/proc/1/environ")
    (shared / "up").symlink_to("../../../../../../../etc")
    script = "tr '\\0' '\\n' < /mnt/data/secret | grep -c GREETING; ls /mnt/data/up/"
    text = run(mounting, script, folder_at(shared, "/mnt/data"))
    assert "shadow" not in text


def test_a_link_in_the_place_of_the_folder_is_not_followed(
    mounting: SandboxStarter, shared: Path
) -> None:
    if mounting.harness.engine.name == "docker":
        pytest.skip(f"{NOT_FOR_ENGINE}: the local cloud checks it; Docker's paths are Docker's")
    link = shared.parent / "link"
    link.symlink_to(shared)
    sandbox, output = mounting.start(
        "cat /mnt/data/given", profile=BATCH, storage=folder_at(link, "/mnt/data")
    )
    ended = sandbox.wait(300)
    assert ended is not None
    assert ended.status != 0
    assert "from outside" not in output.text


def test_a_file_system_in_memory_has_its_size_and_is_empty(mounting: SandboxStarter) -> None:
    storage = SandboxStorage(tmpfs=(TmpfsFolder(target="/scratch/deep", size_mb=4),))
    script = (
        "ls -A /scratch/deep; df -m /scratch/deep | tail -1 | awk '{print $2}';"
        "dd if=/dev/zero of=/scratch/deep/big bs=1M count=8 2>/dev/null || echo full;"
        "grep -o 'scratch/deep tmpfs [^ ]*' /proc/mounts"
    )
    text = run(mounting, script, storage)
    size, full, mounted = text.splitlines()
    assert (size, full) == ("4", "full")
    for option in ("rw", "nosuid", "nodev", "noexec"):
        assert option in mounted.split()[-1].split(",")


def test_options_of_a_file_system_in_memory_apply(mounting: SandboxStarter) -> None:
    storage = SandboxStorage(
        tmpfs=(TmpfsFolder(target="/bin2", size_mb=4, options=("exec", "mode=700")),)
    )
    script = "cp /bin/busybox /bin2/echo && /bin2/echo ran; stat -c %a:%u /bin2"
    assert run(mounting, script, storage) == "ran\n700:0\n"


@pytest.mark.parametrize(("size", "shown"), [(0, "64"), (3, "3"), (130, "130")])
def test_shared_memory_has_its_size(mounting: SandboxStarter, size: int, shown: str) -> None:
    script = "df -m /dev/shm | tail -1 | awk '{print $2}'"
    assert run(mounting, script, SandboxStorage(shared_memory_mb=size)).strip() == shown


def test_limits_are_set_for_the_script(mounting: SandboxStarter) -> None:
    limits = (
        ResourceLimit(name="nofile", soft=77, hard=88),
        ResourceLimit(name="core", soft=0, hard=0),
    )
    script = "ulimit -Sn; ulimit -Hn; ulimit -Hc"
    assert run(mounting, script, SandboxStorage(limits=limits)).split() == ["77", "88", "0"]


def test_a_limit_may_be_lower_only_for_a_user(mounting: SandboxStarter) -> None:
    """Root raises hard limits; a user's own are the highest."""
    if mounting.harness.engine.name == "docker":
        pytest.skip(f"{NOT_FOR_ENGINE}: its daemon sets them, with rights of its own")
    highest = highest_limit("msgqueue")
    if highest == -1:
        pytest.skip("it is unlimited already")
    limits = (ResourceLimit(name="msgqueue", soft=highest + 4096, hard=highest + 4096),)
    storage = SandboxStorage(limits=limits)
    sandbox, output = mounting.start(
        "grep 'Max msgqueue' /proc/self/limits", profile=BATCH, storage=storage
    )
    ended = sandbox.wait(300)
    assert ended is not None
    if os.getuid() == 0:
        assert str(highest + 4096) in output.text
    else:
        assert ended.status != 0
        assert "cannot be raised" in output.text


def test_a_sandbox_without_storage_has_no_mounts_of_its_own(mounting: SandboxStarter) -> None:
    text = run(mounting, "grep -c -e /mnt -e scar-volume /proc/mounts || :", SandboxStorage())
    assert text == "0\n"
