"""The sandbox engine passes its conformance suites as user 1000, without root."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.engine_harness import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = 1000
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
ROOT = Path(__file__).parent.parent.parent
# What the suite imports beside the standard library; copied, because the user may not be
# allowed to read where it is installed.
DISTRIBUTIONS = (
    "pytest", "pluggy", "iniconfig", "packaging", "pygments", "hypothesis", "sortedcontainers",
)  # fmt: skip

SUITES = tuple(
    f"tests/conformance/test_{name}.py"
    for name in ("engines", "isolation", "storage", "node_networks", "shell_entry")
)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scar-user-", dir="/tmp"))  # pytest's own is private
    folder.chmod(0o755)
    (folder / "tmp").mkdir()
    os.chown(folder / "tmp", USER, USER)
    yield folder
    shutil.rmtree(folder)


def copy_code(folder: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__", "dist")
    for name in ("scar", "supervisor", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for name in DISTRIBUTIONS:
        for file in importlib.metadata.files(name) or ():
            source = Path(str(file.locate()))
            if source.suffix in {".py", ".so"} and ".." not in file.parts:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / file)
    for path in folder.rglob("*"):
        if path.name != "tmp":
            path.chmod(0o755 if path.is_dir() else 0o644)


def interpreter() -> str:
    """Return the path of a Python of this minor version that the user can run."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (os.path.realpath(sys.executable), f"/usr/bin/{name}"):  # noqa: PTH118, RUF100
        # It starts itself again: the first start may use a path that only root can open.
        command = [
            *AS_USER,
            candidate,
            "-c",
            "import os, sys; os.execv(sys.executable, ['p', '-V'])",
        ]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return candidate
    return unavailable(f"user {USER} can run no {name} here")


@pytest.mark.container
@pytest.mark.skipif(os.getuid() != 0, reason="the suite runs as a plain user already")
def test_the_sandbox_engine_passes_its_suite_without_root(home: Path) -> None:
    copy_code(home)
    done = subprocess.run(
        [
            *AS_USER,
            *(interpreter(), "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-c", "/dev/null", "--rootdir", str(home), "--import-mode=importlib"),
            *("-k", "sandbox] or [sandbox-", *SUITES),
        ],
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(home),
            "TMPDIR": str(home / "tmp"),
            "SCAR_CONTAINER_TESTS": os.environ.get("SCAR_CONTAINER_TESTS", ""),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    counted = re.search(r"(?m)^(\d+) passed", done.stdout)
    if counted is None:
        unavailable(f"user {USER} can have no sandboxes here: {done.stdout.splitlines()[-1]}")
    assert int(counted[1]) >= 40
