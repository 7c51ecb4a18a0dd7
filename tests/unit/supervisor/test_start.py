"""PID 1, the time limit, and a job's environment."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from supervisor.__main__ import _build_supervisor
from supervisor.config import config_to_json
from supervisor.errors import DeadlineExceeded, EventError, ScriptFailed
from supervisor.execution import time_limit
from supervisor.execution.process_runner import ProcessRunner
from supervisor.invocation import RunPath
from supervisor.model import ExecutionMode, FunctionConfig
from supervisor.results import InvocationResult, RunOutcome, RunResult
from supervisor.runtime import batch_job
from supervisor.signals import SIGNAL_RESEND_INTERVAL
from tests.fakes.object_store import MemoryStore

ROOT = Path(__file__).parents[3]
INIT = f"""
import os, signal, sys, time
sys.path.insert(0, {str(ROOT)!r})
from supervisor.runtime.pid1 import fork_and_reap
ended = fork_and_reap()
if ended is not None:
    sys.exit(ended)
"""


def as_init(child: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-c", INIT + child], stdout=subprocess.PIPE)


def test_process_1_ends_with_its_childs_status() -> None:
    with as_init("sys.exit(7)") as process:
        assert process.wait(300) == 7


def test_process_1_passes_term_on() -> None:
    child = (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "for _ in range(3000):\n"
        "    time.sleep(0.1)"  # not at once: a signal just before a sleep is heard after it
    )
    with as_init(child) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(300) == 5


def test_a_term_that_came_before_python_ends_the_child() -> None:
    """``launch`` blocks TERM, so that it is pending when process 1 is ready to forward it."""
    send = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
    send += "os.kill(os.getpid(), signal.SIGTERM)\n"
    run = f"os.execv(sys.executable, [sys.executable, '-I', '-c', {INIT + 'time.sleep(300)'!r}])"
    command = [sys.executable, "-I", "-c", "import os, signal, sys\n" + send + run]
    with subprocess.Popen(command) as process:
        assert process.wait(300) == 128 + signal.SIGTERM


def test_a_killed_child_has_the_exit_status_of_shells() -> None:
    with as_init("os.kill(os.getpid(), signal.SIGKILL)") as process:
        assert process.wait(300) == 128 + signal.SIGKILL


def test_a_blocking_call_is_interrupted_at_the_time_limit() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with (
        pytest.raises(DeadlineExceeded, match="reading"),
        time_limit.enforce_time_limit(0.1, "reading"),
    ):
        time.sleep(300)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_missed_time_limit_signal_is_sent_again() -> None:
    rung: list[int] = []
    hearing: list[Any] = []

    def miss(number: int, _frame: object) -> None:
        rung.append(number)  # as if it came just before a system call, which does not notice
        signal.signal(signal.SIGALRM, hearing[0])

    def sleep() -> None:
        hearing.append(signal.signal(signal.SIGALRM, miss))
        _, again = signal.getitimer(signal.ITIMER_REAL)
        signal.setitimer(signal.ITIMER_REAL, 0.01, again)  # the limit is over now
        for _ in range(3000):
            time.sleep(0.1)

    before = signal.getitimer(signal.ITIMER_REAL)
    with pytest.raises(DeadlineExceeded), time_limit.enforce_time_limit(3600, "reading"):
        sleep()
    assert len(rung) == 1
    assert signal.getitimer(signal.ITIMER_REAL)[1] == before[1]  # no longer rings again


def test_an_inner_time_limit_keeps_the_outer_one() -> None:
    with time_limit.enforce_time_limit(10_000, "all"):
        with (
            pytest.raises(DeadlineExceeded, match="a part"),
            time_limit.enforce_time_limit(0.01, "a part"),
        ):
            time.sleep(300)
        left, again = signal.getitimer(signal.ITIMER_REAL)
        assert 9_000 < left <= 10_000
        assert again == SIGNAL_RESEND_INTERVAL


def test_a_job_without_an_event_runs_with_an_empty_one() -> None:
    invocation = batch_job.read_invocation({"AWS_BATCH_JOB_ID": "j"}, "fn", lambda _: MemoryStore())
    assert (invocation.event, invocation.owner.job, invocation.owner.attempt) == (b"{}", "j", 1)


@pytest.mark.parametrize("url", ["nonsense", "s3://bucket", "s3://bucket/gone"])
def test_an_event_that_cannot_be_found_is_named(url: str) -> None:
    with pytest.raises(EventError, match=url):
        batch_job.read_invocation({"SCAR_EVENT_URL": url}, "fn", lambda _: MemoryStore())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCAR_RUN_ID", "../../x"),
        ("SCAR_RUN_ID", "a/b"),
        ("SCAR_RUN_ID", "a" * 61),
        ("SCAR_RUN_DATE", "../2026-09-21"),
        ("SCAR_RUN_DATE", "today"),
    ],
)
def test_the_variables_of_a_run_cannot_be_any_text(name: str, value: str) -> None:
    environ = {"SCAR_RUN_ID": "r-1", "SCAR_RUN_DATE": "2026-09-21"}
    read = batch_job.read_invocation(environ, "fn", lambda _: MemoryStore())
    assert (read.run_id, read.date) == ("r-1", "2026-09-21")
    with pytest.raises(EventError, match=f"{name} "):
        batch_job.read_invocation(environ | {name: value}, "fn", lambda _: MemoryStore())


def test_a_failing_script_gives_the_job_its_status() -> None:
    run = RunPath(function="fn", date="2026-09-21", run_id="r")
    failed = RunResult(run=run, state=RunOutcome.FAILED, error=ScriptFailed(3))
    assert batch_job.exit_status(InvocationResult(results=(failed,))) == 3
    assert batch_job.exit_status(InvocationResult()) == 0


def test_the_log_stream_is_empty_without_a_metadata_endpoint() -> None:
    assert batch_job.read_log_stream({}) == ""
    assert (
        batch_job.read_log_stream({"ECS_CONTAINER_METADATA_URI_V4": "http://127.0.0.1:1/v4/x"})
        == ""
    )


@pytest.mark.parametrize(
    ("threshold", "variables", "grace"),
    [
        (10, {}, 2.0),
        (2, {}, 1.0),
        (1, {}, 0.5),
        (0, {}, 0.0),
        (1, {"AWS_BATCH_JOB_ID": "j-1"}, 10.0),
    ],
)
def test_a_script_is_killed_before_lambda_ends_the_sandbox(
    tmp_path: Path, threshold: int, variables: dict[str, str], grace: float
) -> None:
    config = FunctionConfig(
        name="fn", mode=ExecutionMode.LAMBDA, state_bucket="s", timeout_threshold=threshold
    )
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "function.json").write_text(config_to_json(config))
    supervisor = _build_supervisor({"SCAR_HOME": str(tmp_path), **variables})
    assert isinstance(supervisor.runner, ProcessRunner)
    assert supervisor.runner.grace == grace
