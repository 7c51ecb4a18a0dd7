"""The launcher's committed binaries are built from their source."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

import supervisor
from supervisor.bundle.elf import needed_libraries

HERE = Path(supervisor.__file__).parent / "bundle"
SOURCE = (HERE / "launch.c").read_text()
# The command in the source's comment, without compiler and file names.
FLAGS = [
    word
    for word in SOURCE.partition("gcc ")[2].partition(" -o ")[0].replace("*", " ").split()
    if word.startswith("-")
]
COMPILERS = {"x86_64": "gcc", "aarch64": "aarch64-linux-gnu-gcc"}
MACHINES = {"x86_64": 62, "aarch64": 183}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_binaries_are_small_static_and_for_their_machine(machine: str) -> None:
    data = (HERE / f"launch-{machine}").read_bytes()
    assert len(data) < 9_000
    assert needed_libraries(data, MACHINES[machine], "launch") == []
    assert b"/opt/scar/ld.so" in data


@pytest.mark.parametrize("machine", MACHINES)
def test_the_source_still_builds_the_same_strings(machine: str, tmp_path: Path) -> None:
    compiler = COMPILERS[machine]
    if machine == platform.machine() and not shutil.which(compiler):
        compiler = "cc"
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    built = tmp_path / "launch"
    subprocess.run(
        [compiler, *FLAGS, "-Wall", "-Wextra", "-Werror", "-o", built, HERE / "launch.c"],
        check=True,
        timeout=300,
    )
    assert strings(built) == strings(HERE / f"launch-{machine}")


def test_without_the_bundle_the_launcher_prints_an_error() -> None:
    if Path("/opt/scar/ld.so").exists():
        pytest.skip("this machine has a supervisor at /opt/scar")
    done = subprocess.run(
        [HERE / f"launch-{platform.machine()}"], capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 126
    assert b"cannot execute /opt/scar/ld.so" in done.stderr


def strings(path: Path) -> set[bytes]:
    """The texts in a binary that decide about its behaviour."""
    return {
        part
        for part in path.read_bytes().split(b"\0")
        if part.startswith((b"/opt/", b"LD_", b"PYTHON", b"GLIBC", b"MALLOC", b"SSL", b"OPENSSL"))
    }
