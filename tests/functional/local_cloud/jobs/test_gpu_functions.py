"""A function with GPUs on a machine that has too few: deployed, waiting, explained, cancelled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scar.local.gpus import find_gpus
from tests.fakes.local_cloud import BUCKET, ROOT, a_local_cloud, environment, function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

GPUS = 8
FUNCTION = function(
    "trained",
    execution_mode="batch",
    batch={
        "memory": 128,
        "gpus": GPUS,
        "compute_resources": {"max_v_cpus": 96, "instance_types": ["p4d.24xlarge"]},
    },
)
REASON = f"the job needs GPUs: {GPUS}; this machine has {len(find_gpus()) or 'none'}"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    if len(find_gpus()) >= GPUS:
        pytest.skip(f"this machine has {GPUS} GPUs")
    yield from a_local_cloud("process")


def scar(cloud: LocalCloudProcess, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scar", "--local", *arguments],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + (done.stderr if status else "")


def test_its_job_waits_with_the_reason_and_is_cancelled(cloud: LocalCloudProcess) -> None:
    scar(cloud, "init", "-f", str(cloud.write([FUNCTION])))
    script = cloud.folder / "train.sh"
    script.write_text("echo trained")
    scar(cloud, "put", "-b", f"{BUCKET}/in/trained", "-p", str(script))

    def runnable() -> list[str]:
        return [
            job["jobId"]
            for job in cloud.jobs("trained")
            if job["status"] == "RUNNABLE" and REASON in job.get("statusReason", "")
        ]

    (job,) = until(runnable)
    text = scar(cloud, "status", "-n", "trained", "--why-waiting")
    assert "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT" in text
    assert REASON in text
    assert "instances start" not in text
    (row,) = json.loads(scar(cloud, "status", "-n", "trained", "--why-waiting", "-j"))["recent"]
    assert row["state"] == "queued"
    run = row["run"].rpartition("/")[2]
    assert REASON in scar(cloud, "why", run)
    shown = json.loads(scar(cloud, "job", "show", job, "-j"))
    assert REASON in json.dumps(shown)
    scar(cloud, "cancel", run)
    assert "cancelled with `scar cancel`" in scar(cloud, "wait", run, status=1)
    (ended,) = cloud.jobs("trained")
    assert ended["status"] == "FAILED"
    assert cloud.keys("out/trained/") == []
