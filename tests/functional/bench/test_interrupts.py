"""A benchmark that is interrupted leaves no process: no local cloud, no sink."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.kit.commands import plain_environment
from bench.kit.machine import ROOT
from bench.kit.processes import PROC, command_line, descendants
from bench.sink.running import run_sink
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("row", "number"),
    [
        pytest.param("logs", signal.SIGHUP, id="sink-hup"),
        pytest.param("logs", signal.SIGINT, id="sink-int"),
        pytest.param("local-idle", signal.SIGINT, id="cloud-int"),
        pytest.param("local-idle", signal.SIGTERM, id="cloud-term"),
    ],
)
def test_an_interrupted_row_leaves_nothing(tmp_path: Path, row: str, number: int) -> None:
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "bench.all", "--quick", row],
            cwd=ROOT,
            env=plain_environment(TMPDIR=str(tmp_path), PYTHONPATH=str(ROOT)),
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        started = "bench.sink.server" if row == "logs" else "scar.local"
        until(lambda: any(started in line for line in commands_of(tmp_path)))
        os.kill(process.pid, number)
        assert process.wait(60) == 128 + number, log.read_text()
    until(lambda: not commands_of(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def commands_of(folder: Path) -> list[str]:
    """Return the commands of all processes whose folder for temporary files it is."""
    wanted = f"TMPDIR={folder}".encode()
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in variables and (line := command_line(int(entry.name))):
                found.append(line)
    return found


def test_a_sink_that_is_killed_leaves_no_process() -> None:
    with run_sink() as sink:
        processes = descendants(sink.pid)
        assert len(processes) > 1
        os.kill(sink.pid, signal.SIGKILL)
    until(lambda: not any(command_line(pid) for pid in processes))
