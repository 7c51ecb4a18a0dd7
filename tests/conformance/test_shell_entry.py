"""A command of ``scar shell`` has what a process in a sandbox has, and nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.port import SandboxProfile
from tests.conformance.sandbox_starter import TIMEOUT

if TYPE_CHECKING:
    from tests.conformance.sandbox_starter import SandboxStarter

# Without NoNewPrivs: Docker lets the script of a job gain privileges, and the command may not.
FIELDS = "Uid|Gid|CapInh|CapPrm|CapEff|CapBnd|CapAmb|Seccomp"
STATUS = (
    f"grep -E '^({FIELDS}):' /proc/self/status; pwd; for n in /proc/self/ns/*; do readlink $n; done"
)
ENTER = """import sys
from scar.local.shell.entry import run_in_context
from scar.local.shell.process_context import open_context
from scar.local.shell.run_process import find_run_process
process = find_run_process(sys.argv[1], "")
with open_context(process) as context:
    sys.exit(run_in_context(context, sys.argv[2:], process.environment))
"""


def enter(
    run: str, *command: str, pass_fds: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ENTER, run, *command],
        env={
            **os.environ,
            "SCAR_SECRET": "not for the sandbox",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        stdin=subprocess.DEVNULL,
        pass_fds=pass_fds,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize("profile", SandboxProfile)
def test_a_command_has_the_user_rights_and_namespaces_of_the_script(
    bench: SandboxStarter, profile: SandboxProfile
) -> None:
    run = uuid.uuid4().hex
    # The variables of a process in /proc are those that it was started with.
    inner = f"mkdir -p /tmp; cd /tmp; ({STATUS}) > $0; echo ready; exec sleep 3600"
    variables = f"SCAR_RUN_ID={run} TMP_INPUT_DIR=/tmp A_SECRET=hidden"
    place = f"/tmp/{run}"
    _, output = bench.start(
        f'exec env {variables} sh -c "$(cat <<"E"\n{inner}\nE\n)" {place}', profile=profile
    )
    output.until(b"ready")
    entered = enter(run, "sh", "-c", f'({STATUS}) | diff - {place} && echo "$A_SECRET" && exit 7')
    assert (entered.returncode, entered.stdout) == (7, "hidden\n"), entered
    environment = enter(run, "env").stdout
    assert f"SCAR_RUN_ID={run}\n" in environment
    assert "SCAR_SECRET" not in environment
    assert enter(run, "sh", "-c", "kill -9 $$").returncode == 137
    missing = enter(run, "no-such-program")
    assert "no-such-program: No such file or directory" in missing.stderr
    with open(os.devnull, "rb") as inherited:  # noqa: PTH123
        files = enter(run, "sh", "-c", "ls /proc/self/fd", pass_fds=(inherited.fileno(),))
    open_files = files.stdout.split()
    assert open_files == ["0", "1", "2", "3"]  # 3 is the folder that ls reads


@pytest.mark.parametrize(
    "bench", [pytest.param("sandbox", marks=pytest.mark.container)], indirect=True
)
def test_a_command_ends_with_the_sandbox(bench: SandboxStarter) -> None:
    run = uuid.uuid4().hex
    sandbox, output = bench.start(f"exec env SCAR_RUN_ID={run} sh -c 'echo ready; exec sleep 3600'")
    output.until(b"ready")
    command = [sys.executable, "-c", ENTER, run, "sh", "-c", "echo begun; exec sleep 3600"]
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        sandbox.close()
        assert process.wait(TIMEOUT) == 137
