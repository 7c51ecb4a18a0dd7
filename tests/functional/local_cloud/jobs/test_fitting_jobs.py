"""Jobs get what they need: overrides by size, options of a call, and more memory after it ended."""

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

COMPUTE = {"max_v_cpus": 4, "instance_types": ["m6i"]}
# Python needs 300 MiB and holds them: with 128 and 256 MiB it is killed, with 512 it succeeds.
HUNGRY = "python3 -c \"import time; a = b'x' * (300 << 20); time.sleep(1)\" || exit $?\n"
NUMBERS = 'echo "job $SCAR_JOB_NUMBER, attempt $SCAR_ATTEMPT" >"$TMP_OUTPUT_DIR/fed"'
# The supervisor marks the script as the kernel's first choice; one without the mark is killed with
# its whole container.
UNMARK = """\
until grep -q 1000 /proc/$$/oom_score_adj; do sleep 0.1; done
echo 0 >/proc/$$/oom_score_adj
"""
FUNCTIONS = (
    function(
        "growing",
        execution_mode="batch",
        batch={
            "memory": 128,
            "compute_resources": COMPUTE,
            "retry": [{"exit_code": 137, "memory": "x2", "up_to": 1024}],
        },
    ),
    function(
        "doomed",
        execution_mode="batch",
        batch={
            "memory": 128,
            "compute_resources": COMPUTE,
            "retry": [{"exit_code": 137, "memory": "x2", "up_to": 1024}],
        },
    ),
    function(
        "again",
        execution_mode="batch",
        batch={
            "memory": 128,
            "compute_resources": COMPUTE,
            "retry": [{"exit_code": 75, "attempts": 2}],
        },
    ),
    function(
        "sized",
        execution_mode="batch",
        batch={
            "memory": 128,
            "compute_resources": COMPUTE,
            "overrides": [
                {"match": {"suffix": ".big", "min_size": "1KB"}, "memory": 640, "timeout": 600}
            ],
        },
    ),
    function(
        "kept",
        execution_mode="batch",
        batch={
            "memory": 128,
            "compute_resources": COMPUTE,
            "overrides": [{"match": {"suffix": ".big"}, "memory": 640, "timeout": 600}],
        },
    ),
    function("called", execution_mode="batch", batch={"memory": 128, "compute_resources": COMPUTE}),
    function("plain"),
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", *FUNCTIONS)


def scar(cloud: LocalCloudProcess, *arguments: str, status: int = 0) -> tuple[str, str]:
    """Run a command as a user would; return what it wrote to stdout and stderr."""
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
    return done.stdout, done.stderr


def jobs(cloud: LocalCloudProcess, function: str) -> list[dict[str, Any]]:
    """Return the descriptions of a function's jobs, oldest first."""
    batch = cloud.client("batch")
    (queue,) = {q["jobQueueName"] for q in batch.describe_job_queues()["jobQueues"]}
    # A set: a job may end between two calls, and is in both lists then.
    ids = {
        job["jobId"]
        for status in ("RUNNING", "SUCCEEDED", "FAILED")
        for job in batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
        if job["jobName"].startswith(f"{function}-")
    }
    found: list[dict[str, Any]] = batch.describe_jobs(jobs=[*ids])["jobs"] if ids else []
    return sorted(found, key=lambda job: int(job["createdAt"]))


def sizes(job: dict[str, Any]) -> dict[str, str]:
    return {r["type"]: r["value"] for r in job["container"]["resourceRequirements"]}


def test_a_second_deployment_changes_nothing(cloud: LocalCloudProcess) -> None:
    assert cloud.deploy(*FUNCTIONS).changes == ()


def test_a_job_grows_twice_and_succeeds(cloud: LocalCloudProcess) -> None:
    key = cloud.put("growing", "echo hungry; " + HUNGRY + NUMBERS)
    assert cloud.read("out/growing/fed") == "job 3, attempt 1\n"
    scar(cloud, "wait", "-n", "growing")
    assert [sizes(job)["MEMORY"] for job in jobs(cloud, "growing")] == ["128", "256", "512"]
    assert [job["status"] for job in jobs(cloud, "growing")] == ["FAILED", "FAILED", "SUCCEEDED"]
    (run,) = cloud.runs("growing", key)
    text, _ = scar(cloud, "why", run)
    assert text.count("submitted to Batch again as job") == 2
    assert "attempt 3.1 started in Batch" in text
    assert "with 256 MiB instead of 128: " in text
    assert "with 512 MiB instead of 256: " in text
    log, _ = scar(cloud, "log", "--run", run)
    assert log.count("hungry") == 3
    (history,) = json.loads(scar(cloud, "why", run, "-j")[0])
    again = history["records"]["delegated-3"]
    assert again["memory"] == {"before": 256, "after": 512}
    assert again["requested"]["memory"] == 512
    assert history["state"] == "done"
    assert "error" not in history["records"]


def test_a_container_that_is_killed_as_a_whole_grows_twice_too(cloud: LocalCloudProcess) -> None:
    """The script is no longer the kernel's first choice: the supervisor is killed with it."""
    key = cloud.put("doomed", UNMARK + HUNGRY + 'echo fed >"$TMP_OUTPUT_DIR/fed"')
    assert cloud.read("out/doomed/fed") == "fed\n"
    scar(cloud, "wait", "-n", "doomed")
    found = jobs(cloud, "doomed")
    assert [sizes(job)["MEMORY"] for job in found] == ["128", "256", "512"]
    assert [job["status"] for job in found] == ["FAILED", "FAILED", "SUCCEEDED"]
    # Attempt 1 was killed; attempt 2 has submitted the next job, and run no script.
    for job in found[:2]:
        killed, last = (attempt["container"] for attempt in job["attempts"])
        assert (killed["exitCode"], last["exitCode"]) == (137, 1)
        assert killed["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    (run,) = cloud.runs("doomed", key)
    text, _ = scar(cloud, "why", run)
    assert text.count("submitted to Batch again as job") == 2
    assert "killed: it ran out of memory" in text


def test_a_script_that_ends_so_again_has_failed(cloud: LocalCloudProcess) -> None:
    key = cloud.put("again", "echo 'ValueError: no reads'; exit 75")
    cloud.ended("again", key)
    (run,) = cloud.runs("again", key)
    _, messages = scar(cloud, "wait", run, status=75)
    assert "no reads. It was job 2 of 2" in messages
    assert len(jobs(cloud, "again")) == 2
    assert "The script ended with status 75: ValueError: no reads" in scar(cloud, "why", run)[0]
    (record,) = (r for name, r in cloud.records("again", run).items() if name == "error.json")
    assert (record["status"], record["type"], record["message"]) == (75, "ValueError", "no reads")
    assert record["tail"] == ["ValueError: no reads"]
    logs, _ = scar(cloud, "log", "--run", run)
    assert logs.count("ValueError: no reads") >= 2  # of both jobs


def test_the_size_of_the_object_selects_the_resources(cloud: LocalCloudProcess) -> None:
    for name, padding in (("small.big", 0), ("large.big", 2000), ("large.txt", 2000)):
        cloud.put("sized", f'echo ok >"$TMP_OUTPUT_DIR/{name}"\n' + "#" * padding, name)
    until(lambda: len(cloud.keys("out/sized/")) == 3)
    found = sorted((int(sizes(job)["MEMORY"]), job["timeout"]) for job in jobs(cloud, "sized"))
    assert [memory for memory, _ in found] == [128, 128, 640]
    assert [t["attemptDurationSeconds"] for _, t in found] == [86400, 86400, 600]


def test_a_call_requests_its_own_job(cloud: LocalCloudProcess) -> None:
    before = {job["jobId"] for job in jobs(cloud, "called")}
    cloud.put("called", 'echo ok >"$TMP_OUTPUT_DIR/done"')
    cloud.read("out/called/done")
    options = ("--memory", "300", "--vcpus", "2", "--timeout", "90", "--attempts", "2")
    scar(cloud, "run", "-n", "called", "--force", *options)
    until(lambda: any(sizes(j)["MEMORY"] == "300" for j in jobs(cloud, "called")))
    job = next(j for j in jobs(cloud, "called") if sizes(j)["MEMORY"] == "300")
    assert job["jobId"] not in before
    assert sizes(job)["VCPU"] == "2"
    assert job["timeout"] == {"attemptDurationSeconds": 90}
    assert job["retryStrategy"]["attempts"] == 2
    assert job["retryStrategy"]["evaluateOnExit"][-1]["action"].upper() == "EXIT"


def test_an_option_of_a_call_keeps_the_rest_of_the_override(cloud: LocalCloudProcess) -> None:
    cloud.put("kept", 'echo ok >"$TMP_OUTPUT_DIR/a"', "a.big")
    cloud.read("out/kept/a")
    scar(cloud, "run", "-n", "kept", "--force", "--vcpus", "2")
    until(lambda: any(sizes(job)["VCPU"] == "2" for job in jobs(cloud, "kept")))
    job = next(job for job in jobs(cloud, "kept") if sizes(job)["VCPU"] == "2")
    assert sizes(job)["MEMORY"] == "640"
    assert job["timeout"] == {"attemptDurationSeconds": 600}


def test_a_refused_request_is_a_failed_run_that_why_explains(cloud: LocalCloudProcess) -> None:
    request = cloud.client("lambda").invoke(
        FunctionName="sized",
        InvocationType="Event",
        Payload=json.dumps({"scar_job": {"timeout": 2**31}}).encode(),
    )["ResponseMetadata"]["RequestId"]
    until(lambda: any(name == "error.json" for name in cloud.records("sized", request)))
    text, _ = scar(cloud, "why", request)
    assert "scar_job.timeout is not an integer from 1 to 2147483647" in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("-n", "sized", "--memory", "900000"), "no instance"),
        (("-n", "sized", "--nodes", "3"), "multi-node"),
        (("-n", "sized", "--queue", "fast"), "its queues are default"),
        (("-n", "plain", "--memory", "300"), "runs in Lambda only"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    cloud: LocalCloudProcess, options: tuple[str, ...], problem: str
) -> None:
    assert problem in scar(cloud, "run", *options, status=2)[1]


def test_the_supervisor_refuses_it_too(cloud: LocalCloudProcess) -> None:
    done = cloud.invoke("sized", {"scar_job": {"memory": 900000}})
    assert "no instance of its compute environment" in done.payload["errorMessage"]
    done = cloud.invoke("plain", {"scar_job": {"memory": 300}})
    assert "runs in Lambda only" in done.payload["errorMessage"]


def test_a_call_ends_with_its_scripts_status(cloud: LocalCloudProcess) -> None:
    script = cloud.folder / "three.sh"
    script.write_text("#!/bin/sh\necho 'KeyError: x' >&2; exit 3\n")
    _, messages = scar(cloud, "run", "-n", "plain", "-s", str(script), status=3)
    assert "plain failed: The script ended with status 3: KeyError: x" in messages
