"""``scar job``: list, show, read and cancel single jobs and arrays, with real jobs."""

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


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", function("long", execution_mode="batch"))


def scar(cloud: LocalCloudProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scar", "--local", "job", *arguments],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def listed(cloud: LocalCloudProcess, *arguments: str) -> Any:  # noqa: ANN401 - any JSON
    done = scar(cloud, *arguments, "-j")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def queue(cloud: LocalCloudProcess) -> str:
    queues = cloud.client("batch").describe_job_queues()["jobQueues"]
    return str(queues[0]["jobQueueName"])


def test_a_run_s_job_is_listed_shown_and_its_log_read(cloud: LocalCloudProcess) -> None:
    key = cloud.put("long", "echo a line of the script; exit 3")
    ended = cloud.job_ended("long", key)
    name, job_id = ended["jobName"], ended["jobId"]
    (job,) = [job for job in listed(cloud, "ls", "-n", "long") if job["id"] == job_id]
    assert (job["state"], job["name"], job["queue"]) == ("FAILED", name, queue(cloud))
    assert job_id in [job["id"] for job in listed(cloud, "ls", "-s", "failed", "-q", queue(cloud))]
    assert listed(cloud, "ls", "-n", "other") == []
    for text in (job_id, job_id[:8], name):
        shown = scar(cloud, "show", text)
        assert shown.returncode == 0, shown.stderr
        assert f"job         {job_id}" in shown.stdout
        assert "exit code   3" in shown.stdout
        assert "resources   1 VCPU, 1024 MEMORY" in shown.stdout
    found = listed(cloud, "show", job_id)
    assert found["exit_code"] == 3
    assert "SCAR_RUN_ID" in found["variables"]
    assert len(found["attempts"]) == 1
    logs = scar(cloud, "logs", name)
    assert logs.returncode == 0, logs.stderr
    assert "a line of the script" in logs.stdout
    done = scar(cloud, "cancel", job_id)
    assert done.returncode != 0
    assert "has ended: FAILED" in done.stderr


def test_an_array_is_one_row_whose_children_are_listed_and_cancelled(
    cloud: LocalCloudProcess,
) -> None:
    batch = cloud.client("batch")
    blocker = batch.submit_job(
        jobName="array",
        jobQueue=queue(cloud),
        jobDefinition="long",
        arrayProperties={"size": 3},
        containerOverrides={"environment": [{"name": "SCAR_EVENT", "value": '{"cmd_args": "x"}'}]},
    )["jobId"]
    (row,) = [job for job in listed(cloud, "ls", "-n", "long") if job["id"] == blocker]
    assert row["size"] == 3
    # Batch makes the children a moment after the submission.
    children = until(lambda: listed(cloud, "ls", blocker))
    assert [child["id"] for child in children] == [f"{blocker}:{n}" for n in range(3)]
    done = scar(cloud, "cancel", blocker)
    assert done.returncode == 0 or "has ended" in done.stderr
    until(lambda: listed(cloud, "show", blocker)["state"] in ("FAILED", "SUCCEEDED"))
    assert listed(cloud, "show", f"{blocker}:2")["id"] == f"{blocker}:2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nothing-like-it"), "There is no job with the id or name 'nothing-like-it'"),
        (("show", "00000000-0000-0000-0000-000000000000"), "There is no job 00000000-"),
        (("ls", "-q", "absent"), "There is no job queue absent."),
        (("ls", "-s", "SLEEPING"), "'SLEEPING' is not one of"),
        (("ls", "x", "-n", "long"), "JOB cannot be used with -n"),
        (("cancel",), "Missing argument 'JOB...'"),
    ],
)
def test_what_does_not_exist_is_named(
    cloud: LocalCloudProcess, arguments: tuple[str, ...], message: str
) -> None:
    done = scar(cloud, *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
