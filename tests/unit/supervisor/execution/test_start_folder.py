"""Scripts start in the image's WORKDIR, or in the run's own folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import ScriptFailed
from supervisor.execution.script_error import script_failure
from supervisor.execution.users import UserAccount, can_enter
from supervisor.model import ImageDefaults
from supervisor.results import RunOutcome
from tests.fakes.supervisor_factory import (
    SupervisorHarness,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from supervisor.results import RunResult

PRINT_FOLDER = "#!/bin/sh\npwd\n"


def harness_with(tmp_path: Path, workdir: str, script: str = PRINT_FOLDER) -> SupervisorHarness:
    harness = new_harness(tmp_path, script=script)
    image = ImageDefaults(entrypoint=("/bin/sh", "-c", "pwd"), workdir=workdir)
    config = replace(harness.supervisor.config, image=image)
    harness.supervisor = replace(harness.supervisor, config=config)
    harness.store.put("in/x", b"1")
    return harness


def run(harness: SupervisorHarness, event: object = None) -> RunResult:
    invocation = lambda_invocation(event if event is not None else notification("in/x"))
    (result,) = harness.supervisor.handle(invocation).results
    return result


@pytest.mark.parametrize(
    "event",
    [None, {"script": PRINT_FOLDER}, {"cmd_args": []}, {"script": PRINT_FOLDER, "cmd_args": ["a"]}],
)
def test_every_script_starts_in_the_workdir(tmp_path: Path, event: object) -> None:
    workdir = tmp_path / "app"
    workdir.mkdir()
    result = run(harness_with(tmp_path, str(workdir)), event)
    assert result.output == f"{workdir}\n".encode()


@pytest.mark.parametrize("workdir", ["/", "", "//", "/.", "/../"])
def test_a_script_of_an_image_without_workdir_starts_in_the_runs_folder(
    tmp_path: Path, workdir: str
) -> None:
    harness = harness_with(tmp_path, workdir)
    assert Path(run(harness).output.decode().strip()).parent == harness.temporary
    assert not any(b"WORKDIR" in line for line in harness.log)


def test_the_images_own_program_starts_in_the_root_of_an_image_without_workdir(
    tmp_path: Path,
) -> None:
    harness = harness_with(tmp_path, "/")
    config = replace(harness.supervisor.config, script="")
    harness.supervisor = replace(harness.supervisor, config=config)
    assert run(harness).output == b"/\n"


@pytest.mark.parametrize("script", ["script.sh", ""])
def test_a_missing_workdir_is_replaced_by_the_runs_folder_and_logged(
    tmp_path: Path, script: str
) -> None:
    harness = harness_with(tmp_path, str(tmp_path / "none"))
    config = replace(harness.supervisor.config, script=script)
    harness.supervisor = replace(harness.supervisor, config=config)
    assert Path(run(harness).output.decode().strip()).parent == harness.temporary
    assert any(b"does not exist: the run starts in its own folder" in line for line in harness.log)


def test_a_folder_is_entered_only_if_all_folders_above_it_can_be(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    # Pytest's folders are 0700.
    owner = UserAccount(uid=os.geteuid(), gid=os.getegid())
    assert can_enter(str(inner), owner)
    assert can_enter(str(inner), None)
    assert not can_enter(str(inner), UserAccount(uid=54321, gid=54321))
    assert can_enter("/usr/bin", UserAccount(uid=54321, gid=54321))


@pytest.mark.parametrize("name", ["file", "none", "nul\0", "file/below"])
def test_what_is_no_folder_cannot_be_entered(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert not can_enter(f"{tmp_path}/{name}", None)


def test_a_command_that_is_not_found_is_said_with_the_folder(tmp_path: Path) -> None:
    workdir = tmp_path / "app"
    workdir.mkdir()
    script = "#!/bin/sh\n./detect.py\n"
    for folder, shown in ((str(workdir), str(workdir)), ("/", "the run's own folder")):
        result = run(harness_with(tmp_path, folder, script))
        assert result.state is RunOutcome.FAILED
        assert isinstance(result.error, ScriptFailed)
        assert result.error.problem.endswith(f"not found. It started in {shown}.")


@pytest.mark.parametrize(
    ("status", "output", "is_said"),
    [
        (126, b"", True),
        (1, b"script: 2: cannot create out.png: Read-only file system\n", True),
        (1, b"OSError: [Errno 30] Read-only file system: 'x'\n", True),
        (1, b"ValueError: x\n", False),
        (137, b"", False),
    ],
)
def test_the_folder_is_said_where_it_may_be_the_cause(
    status: int, output: bytes, is_said: bool
) -> None:
    problem = script_failure(status, output, started_in="/opt/app").problem
    assert problem.endswith(" It started in /opt/app.") == is_said
