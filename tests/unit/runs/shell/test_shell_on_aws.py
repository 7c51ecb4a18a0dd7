"""``scar shell`` on AWS: the container of a job, and the program that connects to it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.model.account import Account
from scar.runs.ledger import Run
from scar.runs.shell.running import RunNotRunningError, require_running
from scar.runs.shell.session_plugin import find_session_plugin, parse_version
from scar.runs.shell.task_container import NoShellError, TaskContainer, find_task_container
from scar.runs.states import RunState
from supervisor.invocation import RunPath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CLUSTER = "AWSBatch-scar-0123456789ab-1"
TASK = f"arn:aws:ecs:eu-west-1:123456789012:task/{CLUSTER}/feed"
ACCOUNT = Account("123456789012", "eu-west-1")
SESSION = {"sessionId": "s-1", "streamUrl": "wss://x", "tokenValue": "hunter2"}
READY = {
    "name": "default",
    "runtimeId": "cafe",
    "managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}],
}


class FakeBatch:
    """Describes one job."""

    def __init__(self, status: str = "RUNNING", **container: object) -> None:
        self.job = {"jobId": "j", "jobName": "n", "status": status, "container": container}

    def describe_jobs(self, *, jobs: Sequence[str]) -> dict[str, Any]:
        return {"jobs": [self.job] if jobs == ["j"] else []}


class FakeTasks:
    """A TaskExecutor with one task; records the requests."""

    def __init__(self, *containers: Mapping[str, object]) -> None:
        self.containers = containers
        self.requests: list[Mapping[str, object]] = []

    def describe_tasks(self, *, cluster: str, tasks: Sequence[str]) -> dict[str, Any]:
        assert (cluster, tasks) == (CLUSTER, [TASK])
        return {"tasks": [{"containers": list(self.containers)}]}

    def execute_command(self, **request: object) -> dict[str, Any]:
        self.requests.append(request)
        return {"session": SESSION}


def found(batch: FakeBatch, tasks: FakeTasks) -> TaskContainer:
    return find_task_container(batch, tasks, "j")  # type: ignore[arg-type]


READY_JOB: dict[str, Any] = {"enableExecuteCommand": True, "taskArn": TASK}


def test_the_container_with_the_agent_is_found() -> None:
    sidecar = {"name": "guard", "runtimeId": "f00d"}
    container = found(FakeBatch(**READY_JOB), FakeTasks(sidecar, READY))
    assert container.name == "default"
    assert container.target == f"ecs:{CLUSTER}_feed_cafe"


@pytest.mark.parametrize(
    ("batch", "containers", "message", "remedy"),
    [
        (FakeBatch("STARTING", **READY_JOB), [READY], "it is STARTING", "scar why"),
        (
            FakeBatch(taskArn=TASK),
            [READY],
            "without ECS Exec",
            "batch.enable_execute_command: true",
        ),
        (FakeBatch(enableExecuteCommand=True), [READY], "no ECS task yet", "Try again"),
        (FakeBatch(**READY_JOB), [], "no running container", "try again"),
        (FakeBatch(**READY_JOB), [{**READY, "runtimeId": ""}], "no running container", "try again"),
        (
            FakeBatch(**READY_JOB),
            [
                {
                    **READY,
                    "managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "STOPPED"}],
                }
            ],
            "its agent is STOPPED",
            "ssmmessages:CreateControlChannel",
        ),
        (
            FakeBatch(**READY_JOB),
            [{**READY, "managedAgents": []}],
            "agent is missing",
            "ssmmessages",
        ),
    ],
)
def test_a_job_that_cannot_be_entered_is_refused_with_the_remedy(
    batch: FakeBatch, containers: list[dict[str, object]], message: str, remedy: str
) -> None:
    with pytest.raises(NoShellError) as refused:
        found(batch, FakeTasks(*containers))
    assert message in refused.value.problem
    assert remedy in refused.value.remedy


def test_a_run_without_a_job_is_refused_without_a_request() -> None:
    with pytest.raises(NoShellError, match="no Batch job"):
        find_task_container(None, None, "")  # type: ignore[arg-type]


def plugin(folder: Path, version: str, status: int = 0) -> dict[str, str]:
    """Put a program into a folder that records how it is called; return an environment."""
    program = folder / "session-manager-plugin"
    program.write_text(
        f"#!/bin/sh\nif [ $# = 1 ]; then echo '{version}'; exit; fi\n"
        f'for a in "$@"; do echo "$a"; done > {folder}/arguments\n'
        f"env > {folder}/environment\nexit {status}\n"
    )
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "KEPT": "yes"}


def test_the_token_is_in_the_environment_of_the_plugin_and_not_in_its_arguments(
    tmp_path: Path,
) -> None:
    tasks = FakeTasks(READY)
    container = found(FakeBatch(**READY_JOB), tasks)
    executing = find_session_plugin(plugin(tmp_path, "1.2.536.0", 3))
    assert executing.execute(tasks, ACCOUNT, container, ("echo", "a b", "$HOME")) == 3
    assert tasks.requests == [
        {
            "cluster": CLUSTER,
            "task": TASK,
            "container": "default",
            "command": "echo 'a b' '$HOME'",
            "interactive": True,
        }
    ]
    arguments = (tmp_path / "arguments").read_text()
    name, region, operation, profile, request, endpoint = arguments.splitlines()
    assert (region, operation, profile) == ("eu-west-1", "StartSession", "")
    assert json.loads(request) == {"Target": container.target}
    assert endpoint == "https://ssm.eu-west-1.amazonaws.com"
    assert "hunter2" not in arguments
    environment = dict(
        line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines()
    )
    assert json.loads(environment[name]) == SESSION
    assert environment["KEPT"] == "yes"


def test_without_a_command_a_shell_is_executed(tmp_path: Path) -> None:
    tasks = FakeTasks(READY)
    container = found(FakeBatch(**READY_JOB), tasks)
    assert (
        find_session_plugin(plugin(tmp_path, "1.2.650.0")).execute(tasks, ACCOUNT, container, ())
        == 0
    )
    assert tasks.requests[0]["command"] == "/bin/sh"


@pytest.mark.parametrize("version", ["1.2.497.0", "1.1.61.0", "", "strange"])
def test_a_plugin_that_takes_the_token_from_its_command_line_is_refused(
    tmp_path: Path, version: str
) -> None:
    with pytest.raises(NoShellError, match="is too old"):
        find_session_plugin(plugin(tmp_path, version))


def test_a_missing_plugin_is_named_with_its_address(tmp_path: Path) -> None:
    with pytest.raises(NoShellError, match="session-manager-plugin of AWS is not") as refused:
        find_session_plugin({"PATH": str(tmp_path)})
    assert "https://docs.aws.amazon.com/systems-manager/" in refused.value.remedy


def test_a_plugin_that_does_not_start_is_named(tmp_path: Path) -> None:
    environment = plugin(tmp_path, "1.2.650.0")
    (tmp_path / "session-manager-plugin").write_text("#!/nowhere/sh\n")
    with pytest.raises(NoShellError, match="does not start"):
        find_session_plugin(environment)


def test_versions_are_compared_as_numbers() -> None:
    assert parse_version("1.2.1000.0\n") > parse_version("1.2.497.0")


@pytest.mark.parametrize("state", RunState)
def test_only_runs_in_progress_have_a_shell(state: RunState) -> None:
    run = Run(
        path=RunPath(function="f", date="2026-11-29", run_id="r"), state=state, record_times={}
    )
    if state in (RunState.LAMBDA, RunState.RUNNING):
        require_running(run)
        return
    with pytest.raises(RunNotRunningError) as refused:
        require_running(run)
    waits = state in (RunState.WAITING, RunState.QUEUED)
    assert ("has not begun" if waits else "has ended") in refused.value.problem
