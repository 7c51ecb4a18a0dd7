"""``scar shell`` starts commands beside the scripts of runs in Lambda and in Batch."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from scar.runs.ledger import RunLedger
from scar.runs.states import RunState
from tests.fakes.local_cloud import ROOT, a_local_cloud, environment, function, start_of_run
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

STATUS = "grep -E '^(Uid|Gid|Groups|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status"
# It runs until a file appears, which a command of `scar shell` creates.
WAITING = f"""{STATUS} > "$TMP_INPUT_DIR/ready"
until [ -e "$TMP_INPUT_DIR/go" ]; do sleep 0.1; done"""
LOOP = """sh -c 'trap "echo caught$((1+2)); exit" INT; echo loop$((1+1))
while :; do sleep 0.1; done'
""".replace("\n", "\r")
GO = 'touch "$TMP_INPUT_DIR/go"'
LONG = function("long", execution_mode="batch", batch={"enable_execute_command": True})
STARTED = 60.0


@pytest.fixture(scope="module", params=["process", "sandbox"])
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud(request.param, function("quick"), LONG)


def command_line(cloud: LocalCloudProcess, *arguments: str) -> dict[str, object]:
    return {
        "args": [sys.executable, "-m", "scar", "--local", "shell", *arguments],
        "env": environment(cloud.folder) | {"PATH": os.environ["PATH"], "TERM": "dumb"},
        "cwd": ROOT,
    }


def shell(
    cloud: LocalCloudProcess, *arguments: str, script: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        **command_line(cloud, *arguments),
        input=script,
        capture_output=True,
        text=True,
        timeout=STARTED,
        check=False,
    )


def running(cloud: LocalCloudProcess, name: str) -> str:
    """Start a run that waits; return its id once its script runs."""
    key = cloud.put(name, WAITING)
    run = start_of_run(name, key)
    until(lambda: shell(cloud, run, "--", "sh", "-c", 'ls "$TMP_INPUT_DIR/ready"').returncode == 0)
    return run


def end(cloud: LocalCloudProcess, name: str, run: str) -> None:
    assert shell(cloud, run, "--", "sh", "-c", GO).returncode == 0
    ledger = RunLedger.connect(cloud.connection)
    until(lambda: [r.state for r in ledger.list_runs_with_id(name, run)] == [RunState.DONE])


@pytest.mark.parametrize("name", ["quick", "long"])
def test_a_command_has_what_the_script_has_and_its_status_is_returned(
    cloud: LocalCloudProcess, name: str
) -> None:
    run = running(cloud, name)
    done = shell(
        cloud,
        run,
        "--",
        "sh",
        "-c",
        f'ls "$TMP_INPUT_DIR"; echo "id $SCAR_RUN_ID"; {STATUS} | diff - "$TMP_INPUT_DIR/ready" &&'
        " exit 7",
    )
    assert done.returncode == 7, done
    assert "ready" in done.stdout.splitlines()
    assert f"id {run}" in done.stdout
    first = shell(cloud, run, "--", "cat", "/proc/1/cmdline").stdout
    if cloud.engine == "sandbox":
        assert "/opt/scar/" in first
    end(cloud, name, run)
    ended = shell(cloud, run)
    assert ended.returncode == 1
    assert "has ended (done)" in ended.stderr


def test_the_key_is_read_back_from_the_job_definition(cloud: LocalCloudProcess) -> None:
    (definition,) = cloud.client("batch").describe_job_definitions(
        jobDefinitionName="long", status="ACTIVE"
    )["jobDefinitions"]
    assert definition["containerProperties"]["enableExecuteCommand"] is True
    assert cloud.deploy(LONG).changes == ()


def test_a_script_from_standard_input_runs_beside_the_script(cloud: LocalCloudProcess) -> None:
    run = running(cloud, "quick")
    done = shell(cloud, run, script=f'echo "$SCAR_FUNCTION"; {GO}; exit 3\n')
    assert (done.returncode, done.stdout) == (3, "quick\n"), done.stderr


def test_a_shell_that_ends_with_its_run_says_so(cloud: LocalCloudProcess) -> None:
    if cloud.engine != "sandbox":
        pytest.skip("Without a namespace of processes, the shell does not end with the run.")
    run = running(cloud, "long")
    with ThreadPoolExecutor(1) as pool:
        beside = 'touch "$TMP_INPUT_DIR/beside"; exec sleep 300'
        waiting = pool.submit(shell, cloud, run, "--", "sh", "-c", beside)
        is_there = 'ls "$TMP_INPUT_DIR/beside"'
        until(lambda: shell(cloud, run, "--", "sh", "-c", is_there).returncode == 0)
        killed = shell(cloud, run, "--", "sh", "-c", "kill -9 $$")
        assert killed.returncode == 137
        assert "was killed" not in killed.stderr
        ledger = RunLedger.connect(cloud.connection)
        (found,) = ledger.list_runs_with_id("long", run)
        owner = (ledger.read_record(found.path, "claim") or {})["owner"]
        assert isinstance(owner, dict)
        cloud.client("batch").terminate_job(jobId=owner["job"], reason="test")
        ended = waiting.result(timeout=STARTED)
    assert ended.returncode == 137
    assert f"`scar why {run}" in ended.stderr


def test_a_program_that_the_image_does_not_have_is_named(cloud: LocalCloudProcess) -> None:
    run = running(cloud, "quick")
    done = shell(cloud, run, "--", "no-such-program")
    assert done.returncode == 1
    assert "did not start beside the run: no-such-program: No such file" in done.stderr
    end(cloud, "quick", run)


def test_a_run_that_does_not_exist_is_named(cloud: LocalCloudProcess) -> None:
    done = shell(cloud, "0123456789")
    assert done.returncode == 1
    assert "There is no record of a run 0123456789." in done.stderr


@dataclass
class Typist:
    """A terminal with `scar shell` in it."""

    process: subprocess.Popen[bytes]
    master: int
    screen: bytearray = field(default_factory=bytearray)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, text: str) -> None:
        while text.encode() not in self.screen:
            ready, _, _ = select.select([self.master], [], [], STARTED)
            assert ready, bytes(self.screen)
            try:
                self.screen += os.read(self.master, 4096)
            except OSError as error:  # the command has ended
                raise AssertionError(bytes(self.screen)) from error

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ends = os.openpty()
    yield ends
    for descriptor in ends:
        os.close(descriptor)


def take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_an_interactive_shell_has_ctrl_c_and_the_size_of_the_terminal(
    cloud: LocalCloudProcess, terminal: tuple[int, int]
) -> None:
    run = running(cloud, "long")
    master, slave = terminal
    before = termios.tcgetattr(slave)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    process = subprocess.Popen(  # type: ignore[call-overload]
        **command_line(cloud, run),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=take_terminal,  # noqa: PLW1509 - no threads
    )
    typist = Typist(process, master)
    # The results differ from what is typed, which the terminal shows as well.
    typist.type("stty size; echo run${SCAR_RUN_ID:+ning}\r")
    typist.until("33 77")
    typist.until("running")
    typist.type(LOOP)
    typist.until("loop2")
    typist.type("\x03")
    typist.until("caught3")
    typist.type("echo alive$((2+3))\r")
    typist.until("alive5")
    typist.resize(44, 99)
    typist.type("stty size\r")
    typist.until("44 99")
    typist.type(f"{GO}; exit 9\r")
    assert process.wait(STARTED) == 9
    assert termios.tcgetattr(slave) == before


def test_ctrl_c_without_a_terminal_reaches_the_command_only(cloud: LocalCloudProcess) -> None:
    run = running(cloud, "quick")
    process = subprocess.Popen(  # type: ignore[call-overload]
        **command_line(
            cloud,
            run,
            "--",
            "sh",
            "-c",
            f"trap '{GO}; exit 4' INT; echo begun; while :; do sleep 0.1; done",
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(STARTED) == 4
    process.stdout.close()
