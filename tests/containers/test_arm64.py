"""The arm64 bundle, and images with it, under QEMU on another processor.

A program that starts another one needs the kernel's help: binfmt_misc with flag F, which
``.ci/arm64 register`` sets up. Without it the self-test alone runs.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scar.image.compose.supervisor_bundle import find_bundle
from scar.image.compose.tree_images import write_docker_archive
from scar.local.engines.unpack import unpack_layer
from supervisor.bundle import apt, lockfile, packages
from supervisor.bundle.build import LOCK_FILE
from supervisor.model import ImageDefaults
from tests.conformance.engine_harness import unavailable
from tests.fakes.local_cloud import a_local_cloud, busybox_tree, function
from tests.fakes.script_fault_tests import IN_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

BINFMT = Path("/proc/sys/fs/binfmt_misc")


def can_start_others() -> bool:
    """Return whether this kernel starts arm64 programs in any folder."""
    if platform.machine() == "aarch64":
        return True
    entries = [BINFMT / "qemu-aarch64", BINFMT / "scar-aarch64"]
    texts = [entry.read_text().splitlines() for entry in entries if entry.is_file()]
    return any(
        text[0] == "enabled" and any(line.startswith("flags:") and "F" in line for line in text)
        for text in texts
    )


# Not a failure in CI where .ci/arm64 could not register the emulator.
whole = (
    pytest.mark.container
    if can_start_others()
    else pytest.mark.skip(reason="the kernel cannot start arm64 programs: .ci/arm64 register")
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root of arm64 busybox with the bundle in it."""
    folder = tmp_path_factory.mktemp("arm64")
    unpack_layer(find_bundle("arm64"), folder)
    (folder / "bin").mkdir()
    (folder / "bin" / "busybox").write_bytes(busybox())
    (folder / "bin" / "busybox").chmod(0o755)
    return folder


def busybox() -> bytes:
    """Return Debian's static busybox for arm64, which the bundle's lock names."""
    debs = find_bundle("arm64").parent / "kept" / "arm64" / "debs"
    path = apt.find_downloaded(debs, lockfile.load(LOCK_FILE)["arm64"]["busybox-static"])
    if path is None:
        unavailable("the bundle was not built here: run `make bundle`")
    return packages.unpack_packages([path]).require("bin/busybox")


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a chroot."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    return subprocess.run(
        command,
        env={},
        preexec_fn=enter,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.container
@as_root
def test_the_self_test_passes_under_the_emulator_alone(root: Path) -> None:
    emulator = shutil.which("qemu-aarch64-static")
    if emulator is None:
        unavailable("qemu-aarch64-static is not installed (package qemu-user-static)")
    shutil.copy(emulator, root / "qemu")
    loader = ("/opt/scar/ld.so", "--inhibit-cache", "--library-path", "/opt/scar/lib")
    python = ("/opt/scar/python", "-I", "-Xutf8", "/opt/scar/main.py")
    done = run(root, "/qemu", *loader, *python, "--self-test", "--no-script")
    assert (done.stderr, done.returncode) == ("", 0)
    report = json.loads(done.stdout)
    assert (report["ok"], report["machine"]) == (True, "aarch64")
    assert report["modules"] > 40
    assert report["script"] == "not tried"


@whole
@as_root
def test_the_launcher_starts_it_from_an_arm64_shell(root: Path) -> None:
    line = "/opt/scar/launch --self-test --no-script"
    done = run(root, "/bin/busybox", "sh", "-c", line)
    assert (done.stderr, done.returncode) == ("", 0)
    assert json.loads(done.stdout)["machine"] == "aarch64"


class Arm64Images:
    engine: str

    @pytest.fixture(scope="class")
    @classmethod
    def cloud(cls) -> Iterator[LocalCloudProcess]:
        for cloud in a_local_cloud(cls.engine):
            tree = busybox_tree(busybox())
            run = ImageDefaults(environment={"PATH": "/usr/bin:/bin"})
            write_docker_archive(cloud.folder / "arm.tar", "arm:1", [tree], run, "arm64")
            here: dict[str, Any] = {"image": "arm.tar", "architecture": "arm64", "memory": 512}
            in_batch: dict[str, Any] = {"execution_mode": "batch", "batch": IN_BATCH}
            cloud.deploy(function("here", **here), function("jobs", **here, **in_batch))
            yield cloud

    def test_it_runs_as_a_lambda_function(self, cloud: LocalCloudProcess) -> None:
        answer = cloud.invoke("here", "uname -m; /opt/scar/launch --self-test")
        machine, report = answer.output.splitlines()[-2:]
        assert (answer.error, machine) == ("", "aarch64")
        assert json.loads(report)["script"] == "the script ran"

    def test_the_same_image_runs_as_a_batch_job(self, cloud: LocalCloudProcess) -> None:
        key = cloud.put("jobs", 'echo "$(uname -m) $SCAR_SITE" >"$TMP_OUTPUT_DIR/machine"')
        assert cloud.job_ended("jobs", key)["status"] == "SUCCEEDED", cloud.log("jobs")
        assert cloud.read("out/jobs/machine") == "aarch64 batch\n"


@whole
class TestArm64ImagesInSandboxes(Arm64Images):
    engine = "sandbox"


@whole
class TestArm64ImagesInDocker(Arm64Images):
    engine = "docker"
