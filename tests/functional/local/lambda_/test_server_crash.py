"""A killed server (kill -9): what it leaves behind, and how the next one recovers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.processes import start_time
from tests.functional.local.lambda_.fakes import a_cloud, a_function

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


def wait_for(truth: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_events_of_a_killed_server_run_after_its_restart(tmp_path: Path) -> None:
    meeting, marks = tmp_path / "meeting", tmp_path / "marks"
    meeting.mkdir()
    running = json.dumps({"do": "meet", "folder": str(meeting), "count": 2})
    waiting = json.dumps({"do": "mark", "path": str(marks)})
    server = subprocess.Popen(
        [sys.executable, str(HERE / "server_process.py"), str(tmp_path), running, waiting],
        stdout=subprocess.PIPE,
        cwd=HERE.parents[3],
        env={"PYTHONPATH": str(HERE.parents[3]), "PATH": "/usr/bin:/bin"},
    )
    try:
        assert server.stdout is not None
        first, second = json.loads(server.stdout.readline())
        wait_for(lambda: bool(list(meeting.iterdir())))
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()
    (sandbox,) = (int(path.name) for path in meeting.iterdir())
    wait_for(lambda: start_time(sandbox) is None)
    (meeting / "enough").touch()
    cloud = a_cloud(tmp_path, a_function(), concurrency=1)
    try:
        wait_for(lambda: f"REPORT RequestId: {first}" in cloud.logs.text)
        wait_for(lambda: f"REPORT RequestId: {second}" in cloud.logs.text)
        assert cloud.service.status().queued == 0
    finally:
        cloud.close()
    assert marks.read_text() == f"{second}\n"
    assert list((tmp_path / "engine" / "sandboxes").iterdir()) == []
