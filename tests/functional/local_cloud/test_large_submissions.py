"""Events, scripts and variables of jobs that do not fit into a submission of AWS Batch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from supervisor.model import ExecutionMode
from tests.fakes.local_cloud import ROOT, a_local_cloud, environment, function, scripted
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

INLINE, STAGED = "SCAR_EVENT", "SCAR_EVENT_URL"
MEASURE = 'printf %s "$EVENT" | wc -c >"$TMP_OUTPUT_DIR/{name}"'
# 2 MB, as in "Bootstrapping" of SCAR's documentation, whose limit for scripts was 24 KB.
LARGE = '#!/bin/sh\necho ran >"$TMP_OUTPUT_DIR/{name}"; exit 0\n' + "#" * 2_000_000


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", function("jobs", execution_mode=ExecutionMode.BATCH))


def variables(cloud: LocalCloudProcess) -> dict[str, Any]:
    """Return the variables of the newest job."""
    batch = cloud.client("batch")
    (queue,) = batch.describe_job_queues()["jobQueues"]
    filters: Any = [{"name": "JOB_NAME", "values": ["jobs*"]}]
    found = batch.list_jobs(jobQueue=queue["jobQueueName"], filters=filters)["jobSummaryList"]
    newest = max(found, key=lambda job: job["createdAt"])["jobId"]
    (job,) = batch.describe_jobs(jobs=[newest])["jobs"]
    return {pair["name"]: pair["value"] for pair in job["container"]["environment"]}


@pytest.mark.parametrize(("size", "how"), [(5_000, INLINE), (60_000, STAGED)])
def test_an_event_reaches_the_script_whole(cloud: LocalCloudProcess, size: int, how: str) -> None:
    name = f"size-{size}"
    event = {**scripted(MEASURE.format(name=name)), "pad": "x" * size}
    assert not cloud.invoke("jobs", event).error
    assert int(cloud.read(f"out/jobs/{name}")) > size
    seen = variables(cloud)
    assert how in seen
    # AWS Batch accepts longer overrides, and the job fails.
    assert sum(map(len, [*seen, *seen.values()])) < 8_192


def test_a_script_of_two_megabytes_is_the_functions_and_a_calls(cloud: LocalCloudProcess) -> None:
    (cloud.folder / "large.sh").write_text(LARGE.format(name="own"))
    cloud.deploy(function("large", script="large.sh", execution_mode=ExecutionMode.BATCH))
    cloud.put("large", "")
    assert cloud.read("out/large/own") == "ran\n"
    script = cloud.folder / "call.sh"
    script.write_text(LARGE.format(name="call"))
    done = subprocess.run(
        [sys.executable, "-m", "scar", "--local", "run", "-n", "large", "-s", str(script)],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    until(lambda: "out/large/call" in cloud.keys("out/large/"))


def test_empty_variables_are_set_although_batch_drops_them(cloud: LocalCloudProcess) -> None:
    described = function(
        "empty",
        execution_mode=ExecutionMode.BATCH,
        container={"environment": {"Variables": {"B": "container"}}},
        batch={"environment": {"Variables": {"A": "", "B": ""}}},
    )
    cloud.deploy(described)
    assert cloud.deploy(described).changes == ()
    cloud.put("empty", 'echo "${A-unset}|${B-unset}" >"$TMP_OUTPUT_DIR/seen"')
    assert cloud.read("out/empty/seen") == "|\n"
