"""Arrays of files that need different jobs, and children whose runs other jobs continue."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.local_cloud import BUCKET, ROOT, STATE, a_local_cloud, environment, function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

COMPUTE = {"max_v_cpus": 8, "instance_types": ["m6i"]}
BATCH = {"memory": 128, "compute_resources": COMPUTE}
SHARED = {**COMPUTE, "preset": "dual", "shares": {"lab": 0.5}}
# The supervisor marks the script as the kernel's first choice; one without the mark is killed with
# its whole container.
UNMARK = """\
until grep -q 1000 /proc/$$/oom_score_adj; do sleep 0.1; done
echo 0 >/proc/$$/oom_score_adj
"""
FUNCTIONS = (
    *(
        function(
            name,
            execution_mode="batch",
            batch={
                **BATCH,
                "overrides": [{"match": {"suffix": ".big"}, "memory": 640, "timeout": 600}],
            },
        )
        for name in ("sized", "asked")
    ),
    *(
        function(
            name,
            execution_mode="batch",
            batch={**BATCH, "retry": [{"exit_code": 75, "attempts": 2}]},
        )
        for name in ("again", "ended")
    ),
    function(
        "hungry",
        execution_mode="batch",
        batch={**BATCH, "retry": [{"exit_code": 137, "memory": "x2", "up_to": 1024}]},
    ),
    function("single", execution_mode="batch", batch=BATCH),
    function(
        "narrow",
        execution_mode="batch",
        batch={
            **BATCH,
            "compute_resources": {"max_v_cpus": 4, "instance_types": ["c6i.xlarge", "r6i.large"]},
            "overrides": [{"match": {"suffix": ".big"}, "memory": 12000}],
        },
    ),
    function(
        "shared",
        execution_mode="batch",
        batch={**BATCH, "compute_resources": SHARED, "scheduling": {"share": "lab"}},
    ),
    function(
        "nodes",
        execution_mode="batch",
        batch={**BATCH, "multi_node_parallel": {"enabled": True, "number_nodes": 2}},
    ),
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", *FUNCTIONS)


def scar(cloud: LocalCloudProcess, *arguments: str, status: int = 0) -> str:
    """Run a command as a user would; return what it wrote to stdout and, if it fails, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "scar", "--local", *arguments],
        env=environment(cloud.folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + (done.stderr if status else "")


def upload(cloud: LocalCloudProcess, folder: str, files: dict[str, str]) -> None:
    for name, script in files.items():
        cloud.client("s3").put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=script.encode())


def run_array(cloud: LocalCloudProcess, name: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        scar(cloud, "run", "-n", name, "--array", "-ib", f"{BUCKET}/archive/{name}", "-j", *options)
    )
    return found


def describe(cloud: LocalCloudProcess, job: str) -> dict[str, Any]:
    (found,) = cloud.client("batch").describe_jobs(jobs=[job])["jobs"]
    return dict(found)


def sizes(job: dict[str, Any]) -> dict[str, str]:
    return {r["type"]: r["value"] for r in job["container"]["resourceRequirements"]}


def counts(cloud: LocalCloudProcess, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scar(cloud, "status", "-n", name, "-j"))["functions"][0]
    return found


def test_files_that_need_different_jobs_are_arrays_of_their_own(cloud: LocalCloudProcess) -> None:
    fails = f"[ -e {cloud.folder}/mended ] || exit 3"
    upload(cloud, "archive/sized", {f"{n}.big": fails for n in range(3)})
    upload(cloud, "archive/sized", {f"{n}.txt": "true" for n in range(2)})
    plan = run_array(cloud, "sized", "--dry-run")
    costs = [job.pop("usd_at_most") for job in plan["jobs"]]
    assert plan["jobs"] == [{"children": 3, "memory": 640, "timeout": 600}, {"children": 2}]
    assert costs[1] > costs[0] > 0  # the timeout of the others is a day
    assert abs(plan["usd_at_most"] - sum(costs)) < 0.02
    assert (plan["files"], plan["submissions"]) == (5, 2)
    text = scar(
        cloud, "run", "-n", "sized", "--array", "-ib", f"{BUCKET}/archive/sized", "--dry-run"
    )
    assert "Would submit 2 array jobs with 3 + 2 children" in text
    assert f"3 files: 640 MiB, timeout 600 s; at most {costs[0]:.2f} USD\n" in text
    assert f"2 files: as the job definition; at most {costs[1]:.2f} USD\n" in text
    assert f"At most {plan['usd_at_most']:.2f} USD" in text
    assert "until its timeout in each of 3 attempts, at" in text
    big, small = run_array(cloud, "sized")["arrays"]
    assert sizes(describe(cloud, big["job"]))["MEMORY"] == "640"
    assert describe(cloud, big["job"])["timeout"] == {"attemptDurationSeconds": 600}
    assert sizes(describe(cloud, small["job"]))["MEMORY"] == "128"
    assert "each child requests 640 MiB, timeout 600 s" in scar(cloud, "why", big["array"])
    scar(cloud, "wait", big["array"], status=1)
    scar(cloud, "wait", small["array"])
    # The failed ones are retried with what they need, as a dry run shows without a change.
    retry = ("retry", "--failed", "-n", "sized")
    (planned,) = json.loads(scar(cloud, *retry, "--dry-run", "-j"))
    assert planned == {"function": "sized", "children": 3, "memory": 640, "timeout": 600}
    assert (
        scar(cloud, *retry, "--dry-run")
        == "sized: array job of 3 children: 640 MiB, timeout 600 s\n"
    )
    assert counts(cloud, "sized")["failed"] == 3
    (cloud.folder / "mended").touch()
    (again,) = json.loads(scar(cloud, "retry", "--failed", "-n", "sized", "-j"))
    scar(cloud, "wait", again["array"])
    assert sizes(describe(cloud, again["id"]))["MEMORY"] == "640"
    assert counts(cloud, "sized")["done"] == 5


def test_options_that_do_not_fit_the_override_of_a_file_are_refused_before_any_is_submitted(
    cloud: LocalCloudProcess,
) -> None:
    upload(cloud, "archive/narrow", {"0.txt": "true", "1.txt": "true", "2.big": "true"})
    command = ("run", "-n", "narrow", "--array", "-ib", f"{BUCKET}/archive/narrow", "--vcpus", "4")
    for more in ((), ("--dry-run",)):
        message = scar(cloud, *command, *more, status=2)
        assert "archive/narrow/2.big cannot have these options: no instance" in message
        assert "batch.overrides has memory 12000 for this object" in message
    assert cloud.keys("runs/narrow/", STATE) == []


def test_options_are_those_of_all_children_and_of_their_retries(cloud: LocalCloudProcess) -> None:
    fails = f"[ -e {cloud.folder}/amended ] || exit 3"
    upload(cloud, "archive/asked", {"0.big": fails, "1.txt": fails, "2.txt": "true"})
    options = ("--memory", "256", "--vcpus", "2", "--timeout", "90", "--attempts", "2")
    # The request takes precedence over the override: all files are children of one array.
    (array,) = run_array(cloud, "asked", *options)["arrays"]
    job = describe(cloud, array["job"])
    assert sizes(job) == {"VCPU": "2", "MEMORY": "256"}
    assert job["timeout"] == {"attemptDurationSeconds": 90}
    assert job["retryStrategy"]["attempts"] == 2
    scar(cloud, "wait", array["array"], status=1)
    (cloud.folder / "amended").touch()
    (again,) = json.loads(scar(cloud, "retry", "--failed", "-n", "asked", "-j"))
    assert sizes(describe(cloud, again["id"])) == {"VCPU": "2", "MEMORY": "256"}
    scar(cloud, "wait", again["array"])
    scar(cloud, "run", "-n", "asked", "--array", "--memory", "99999999", status=2)
    assert "--nodes" in scar(cloud, "run", "-n", "asked", "--array", "--nodes", "2", status=2)


def test_a_queue_with_shares_accepts_the_arrays_of_its_function(cloud: LocalCloudProcess) -> None:
    upload(cloud, "archive/shared", {"a": "true", "b": "true"})
    (usual,) = run_array(cloud, "shared")["arrays"]
    (urgent,) = run_array(cloud, "shared", "--queue", "priority", "--force")["arrays"]
    jobs = [describe(cloud, array["job"]) for array in (usual, urgent)]
    assert [job["shareIdentifier"] for job in jobs] == ["lab", "lab"]
    assert jobs[0]["jobQueue"] != jobs[1]["jobQueue"]
    scar(cloud, "wait", usual["array"])
    scar(cloud, "wait", urgent["array"])


def test_a_child_whose_script_failed_is_continued_by_another_job(cloud: LocalCloudProcess) -> None:
    flag = cloud.folder / "second"
    once = f'[ -e {flag} ] && echo well >"$TMP_OUTPUT_DIR/well" || {{ touch {flag}; exit 75; }}'
    upload(cloud, "archive/again", {"0": "true", "1": once, "2": "true", "3": "exit 75"})
    (array,) = run_array(cloud, "again", "--memory", "256")["arrays"]
    # Waits for the second jobs too: the third child's run is done, the fourth's has failed twice.
    assert "3 done, 1 failed" in scar(cloud, "wait", array["array"], status=1)
    assert describe(cloud, array["job"])["arrayProperties"]["statusSummary"]["FAILED"] == 2
    assert cloud.read("out/again/well") == "well\n"
    found = counts(cloud, "again")
    assert (found["done"], found["failed"], found["lost"], found["queued"]) == (3, 1, 0, 0)
    (row,) = found["arrays"]
    assert (row["done"], row["failed"], row["continued"]) == (3, 1, 0)
    (report,) = json.loads(scar(cloud, "why", array["array"], "-j"))
    continued = {child["index"]: child["continued"] for child in report["failed_children"]}
    assert continued == {1: "done", 3: "failed"}
    text = scar(cloud, "why", array["array"])
    assert "4 children: 3 done, 1 failed" in text
    assert "Another job has continued the run, which is done." in text
    (history,) = json.loads(scar(cloud, "why", f"{array['array']}:1", "-j"))
    assert history["state"] == "done"
    # The second job has the options of the first.
    assert sizes(describe(cloud, history["job"]["id"]))["MEMORY"] == "256"
    text = scar(cloud, "why", history["run"])
    assert "attempt 1 started in Batch as child 1 of the array job" in text
    assert "submitted to Batch again as job" in text
    assert "attempt 2.1 started in Batch" in text
    scar(cloud, "wait", history["run"])
    # Retried, the failed run is a first job again.
    scar(cloud, "retry", "--failed", "-n", "again")
    until(lambda: counts(cloud, "again")["failed"] == 1)
    scar(cloud, "wait", "-n", "again", status=1)


def test_children_that_run_out_of_memory_grow_twice(cloud: LocalCloudProcess) -> None:
    """In one the script is killed, in the other its whole container."""
    needs = "python3 -c \"import time; a = b'x' * (300 << 20); time.sleep(1)\" || exit $?\n"
    script = needs + 'echo fed >"$TMP_OUTPUT_DIR/fed-{}"'
    upload(
        cloud,
        "archive/hungry",
        {"0": "true", "1": script.format(1), "2": UNMARK + script.format(2)},
    )
    (array,) = run_array(cloud, "hungry")["arrays"]
    scar(cloud, "wait", array["array"])
    assert [cloud.read(f"out/hungry/fed-{n}") for n in (1, 2)] == ["fed\n", "fed\n"]
    for index in (1, 2):
        (history,) = json.loads(scar(cloud, "why", f"{array['array']}:{index}", "-j"))
        assert history["state"] == "done"
        assert sizes(describe(cloud, history["job"]["id"]))["MEMORY"] == "512"
        text = scar(cloud, "why", history["run"])
        assert text.count("submitted to Batch again as job") == 2
    assert len(describe(cloud, f"{array['job']}:2")["attempts"]) == 2


def test_a_run_that_an_array_retries_is_described_by_its_child(cloud: LocalCloudProcess) -> None:
    """Its first job is recorded too: its end does not make the run a lost one."""
    flag = cloud.folder / "repaired"
    script = f"[ -e {flag} ] || exit 3; until [ -e {flag}-2 ]; do sleep 0.1; done"
    upload(cloud, "archive/single", {"0": script, "1": script})
    scar(cloud, "run", "-n", "single", "-ib", f"{BUCKET}/archive/single", "-a")
    until(lambda: counts(cloud, "single")["failed"] == 2)
    flag.touch()
    (array,) = json.loads(scar(cloud, "retry", "--failed", "-n", "single", "-j"))
    until(lambda: counts(cloud, "single")["running"] == 2)
    (history,) = json.loads(scar(cloud, "why", f"{array['array']}:0", "-j"))
    assert (history["state"], history["job"]["id"]) == ("running", f"{array['id']}:0")
    assert "1 running" in scar(cloud, "wait", history["run"], "--timeout", "1", status=6)
    (cloud.folder / "repaired-2").touch()
    scar(cloud, "wait", history["run"])
    scar(cloud, "wait", array["array"])


def test_cancelling_an_array_ends_the_jobs_that_continue_its_children(
    cloud: LocalCloudProcess,
) -> None:
    flag = cloud.folder / "waiting"
    waits = f"[ -e {flag} ] && sleep 3000 || {{ touch {flag}; exit 75; }}"
    upload(cloud, "archive/ended", {"0": "true", "1": waits})
    (array,) = run_array(cloud, "ended")["arrays"]
    until(lambda: any("attempt-2.1" in key for key in cloud.keys("runs/ended/2", STATE)))
    until(lambda: describe(cloud, array["job"])["status"] == "FAILED")
    found = counts(cloud, "ended")
    assert (found["done"], found["running"], found["failed"]) == (1, 1, 0)
    assert "1 done, 1 continued by another job" in scar(cloud, "status", "-n", "ended")
    scar(cloud, "cancel", array["array"])
    scar(cloud, "wait", array["array"], status=1)
    found = counts(cloud, "ended")
    assert (found["done"], found["running"], found["failed"] + found["lost"]) == (1, 0, 1)


def test_jobs_of_several_nodes_have_no_arrays(cloud: LocalCloudProcess) -> None:
    upload(cloud, "archive/nodes", {"a": "true", "b": "true"})
    folder = f"{BUCKET}/archive/nodes"
    error = scar(cloud, "run", "-n", "nodes", "--array", "-ib", folder, status=2)
    assert "multi_node_parallel" in error
    batch = cloud.client("batch")
    queues = batch.describe_job_queues()["jobQueues"]
    queue = next(q["jobQueueName"] for q in queues if "schedulingPolicyArn" not in q)
    with pytest.raises(ClientError, match="multi-node"):
        batch.submit_job(
            jobName="a", jobQueue=queue, jobDefinition="nodes", arrayProperties={"size": 2}
        )
