"""Orphaned processes, whose server and first process were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from scar.local.engines.port import SandboxProfile, SandboxSpec
from scar.local.engines.process import ProcessEngine
from scar.local.processes import start_time
from tests.conformance.engine_harness import ProcessHarness

if TYPE_CHECKING:
    from pathlib import Path

    from scar.local.engines.port import Sandbox


def wait_for_file(path: Path) -> str:
    end = time.monotonic() + 300
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end
        time.sleep(0.01)
    return path.read_text()


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + 300
    while start_time(pid) is not None:
        assert time.monotonic() < end
        time.sleep(0.01)


def start(harness: ProcessHarness, pid_file: Path) -> tuple[Sandbox, int]:
    """Start a sandbox with a child in another session; return the child's process id."""
    script = f"setsid sleep 3600 >/dev/null 2>&1 & echo $! > {pid_file}; sleep 3600"
    spec = SandboxSpec(
        name="f",
        image=harness.image(script),
        profile=SandboxProfile.LAMBDA,
        environment={},
        memory_mb=128,
    )
    return harness.engine.start(spec, lambda _: None), int(wait_for_file(pid_file))


def test_a_tree_that_lost_its_first_process_ends(tmp_path: Path) -> None:
    harness = ProcessHarness.create(tmp_path)
    sandbox, orphan = start(harness, tmp_path / "orphan")
    (pid_file,) = (tmp_path / "engine" / "sandboxes").glob("*/pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    ended = sandbox.wait(300)
    assert ended is not None
    assert ended.status == 137
    wait_until_gone(orphan)
    harness.close()


def test_the_next_engine_ends_what_bears_the_mark_of_an_old_sandbox(tmp_path: Path) -> None:
    folder = tmp_path / "engine" / "sandboxes" / "0123456789abcdef"
    folder.mkdir(parents=True)
    left = subprocess.Popen(["sleep", "3600"], env={"SCAR_SANDBOX": folder.name})
    ProcessEngine(tmp_path / "engine").close()
    assert left.wait(300) == -signal.SIGKILL
    assert not folder.exists()


def test_a_reused_process_id_is_not_killed(tmp_path: Path) -> None:
    folder = tmp_path / "engine" / "sandboxes" / "old"
    folder.mkdir(parents=True)
    (folder / "pid").write_text(f"{os.getpid()} 1")
    ProcessEngine(tmp_path / "engine").close()
    assert not folder.exists()
