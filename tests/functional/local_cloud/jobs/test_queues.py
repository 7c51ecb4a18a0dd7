"""Job queues of presets and shares on a local cloud: jobs run, and waiting runs say where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import ROOT, a_local_cloud, environment, function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

COMPUTE = {
    "preset": "dual",
    "max_v_cpus": 1,
    "bid_percentage": 60,
    "scale_down_delay": 20,
    "wait_limit": 600,
    "shares": {"labA": 0.5},
}
BATCH = {"memory": 128, "vcpus": 1, "compute_resources": COMPUTE}
FUNCTIONS = (
    function("usual", execution_mode="batch", batch={**BATCH, "scheduling": {"share": "labA"}}),
    function(
        "urgent",
        execution_mode="batch",
        batch={
            **BATCH,
            "compute_resources": {**COMPUTE, "queue": "priority"},
            "scheduling": {"share": "labB", "priority": 5},
        },
    ),
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", *FUNCTIONS)


def scar(cloud: LocalCloudProcess, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scar", "--local", *arguments],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def waiting(cloud: LocalCloudProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        scar(cloud, "status", "-n", "usual", "--why-waiting", "-j")
    )["recent"]
    return found


def test_waiting_runs_have_places_and_run_when_there_is_room(cloud: LocalCloudProcess) -> None:
    go = cloud.folder / "go"
    script = f'until [ -e {go} ]; do sleep 0.05; done; echo here >"$TMP_OUTPUT_DIR/$$"'
    first = cloud.put("usual", script)
    until(lambda: [job for job in cloud.jobs("usual", first) if job["status"] == "RUNNING"])
    keys = [cloud.put("usual", script) for _ in range(2)]
    until(
        lambda: [row for row in waiting(cloud) if row["note"].startswith("2nd of 2 in the queue")]
    )
    rows = waiting(cloud)
    assert {row["file"].rpartition("/")[2] for row in rows} == {k.rpartition("/")[2] for k in keys}
    full = "the compute environment is at its max_v_cpus (1 of 1 used)"
    assert all(full in row["note"] for row in rows)
    (second,) = [row["run"] for row in rows if row["note"].startswith("2nd")]
    assert "2nd of 2 in the queue" in scar(cloud, "why", second)
    # The queue `priority` has an environment of its own in front.
    urgent = cloud.put("urgent", 'echo now >"$TMP_OUTPUT_DIR/now"')
    assert cloud.ended("urgent", urgent)["done.json"]["state"] == "done"
    (job,) = cloud.jobs("urgent", urgent)
    assert (job["shareIdentifier"], job["schedulingPriority"]) == ("labB", 5)
    go.touch()
    for key in (first, *keys):
        assert cloud.ended("usual", key)["done.json"]["state"] == "done"
    assert waiting(cloud) == []


def test_a_second_deployment_changes_nothing(cloud: LocalCloudProcess) -> None:
    assert str(cloud.deploy(*FUNCTIONS)) == "Nothing to change."
