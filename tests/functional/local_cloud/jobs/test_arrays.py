"""Array jobs from `scar run --array` to the last child, against a whole local cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import BUCKET, ROOT, STATE, a_local_cloud, environment, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.local_cloud import LocalCloudProcess

NAMES = ("plain", "failing", "cancelled", "duplicated", "killed", "started", "lost")
FUNCTIONS = (
    function("lambdas"),
    *(function(name, execution_mode="batch", batch=IN_BATCH) for name in NAMES),
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", *FUNCTIONS)


def scar(cloud: LocalCloudProcess, *arguments: str, status: int = 0) -> str:
    """Run a command as a user would; return what it wrote to stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "scar", "--local", *arguments],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3500,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout


def upload(cloud: LocalCloudProcess, folder: str, scripts: Sequence[str]) -> list[str]:
    """Upload scripts into a folder that starts no function."""
    s3 = cloud.client("s3")

    def put(number: int) -> str:
        key = f"{folder}/{number:04}.sh"
        s3.put_object(Bucket=BUCKET, Key=key, Body=scripts[number].encode())
        return key

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(put, range(len(scripts))))


def submit(cloud: LocalCloudProcess, name: str, folder: str, *options: str) -> dict[str, Any]:
    """Submit a folder; return the array, of which there is one."""
    found = json.loads(
        scar(cloud, "run", "-n", name, "--array", "-ib", f"{BUCKET}/{folder}", "-j", *options)
    )
    (array,) = found["arrays"]
    return {**array, "skipped": found["skipped"]}


def counts(cloud: LocalCloudProcess, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scar(cloud, "status", "-n", name, "-j"))["functions"][0]
    return found


def histories(cloud: LocalCloudProcess, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(scar(cloud, "why", what, "-j"))
    return found


def running(cloud: LocalCloudProcess, name: str) -> list[str]:
    return [key for key in cloud.keys(f"runs/{name}/2", STATE) if "attempt" in key]


def test_the_files_of_a_folder_are_the_runs_of_one_job(cloud: LocalCloudProcess) -> None:
    scripts = [f'echo "I am {n}"; echo {n} >"$TMP_OUTPUT_DIR/{n}"' for n in range(60)]
    keys = upload(cloud, "archive/plain", scripts)
    plan = json.loads(
        scar(
            cloud,
            "run",
            "-n",
            "plain",
            "--array",
            "-ib",
            f"{BUCKET}/archive/plain",
            "--dry-run",
            "-j",
        )
    )
    assert plan["jobs"] == [{"children": 60, "usd_at_most": plan["usd_at_most"]}]
    assert plan["submissions"] == 1
    assert plan["usd_at_most"] > 0
    assert not cloud.jobs("plain")
    array = submit(cloud, "plain", "archive/plain")
    assert array["children"] == 60
    scar(cloud, "wait", array["array"])
    scar(cloud, "wait", "-n", "plain")
    assert sorted(cloud.keys("out/plain/")) == sorted(f"out/plain/{n}" for n in range(60))
    found = counts(cloud, "plain")
    assert (found["done"], found["failed"], found["queued"], found["lost"]) == (60, 0, 0, 0)
    (row,) = found["arrays"]
    assert (row["children"], row["done"], row["status"]) == (60, 60, "SUCCEEDED")
    # Three records of each run: no function was invoked, and nothing was submitted twice.
    assert len(cloud.keys("runs/plain/2", STATE)) == 3 * 60
    assert len(cloud.jobs("plain")) == 1
    # Each child is found by its file, by its run and by its index.
    (by_file,) = histories(cloud, f"s3://{BUCKET}/{keys[7]}")
    (by_index,) = histories(cloud, f"{array['array']}:7")
    assert by_file["run"] == by_index["run"]
    assert by_file["job"]["id"] == f"{array['job']}:7"
    assert "as child 7 of the array job" in scar(cloud, "why", by_file["run"])
    assert "I am 7\n" in scar(cloud, "logs", "--file", f"s3://{BUCKET}/{keys[7]}")
    assert "I am 7\n" in scar(cloud, "logs", "--run", f"{array['job']}:7")
    assert "60 children: 60 done" in scar(cloud, "why", array["job"])
    assert f"array {array['array']}: 60 children: 60 done" in scar(cloud, "status", "-n", "plain")
    # The same folder once more: nothing to do.
    again = json.loads(
        scar(cloud, "run", "-n", "plain", "--array", "-ib", f"{BUCKET}/archive/plain", "-j")
    )
    assert (again["arrays"], again["skipped"]) == ([], 60)


def test_failed_children_run_again_as_one_array(cloud: LocalCloudProcess) -> None:
    flag = cloud.folder / "mended"
    fails = f'[ -e {flag} ] || exit 3; echo well >"$TMP_OUTPUT_DIR/${{INPUT_FILE_PATH##*/}}"'
    upload(cloud, "archive/failing", [fails] * 5 + ["true"] * 5)
    array = submit(cloud, "failing", "archive/failing")
    scar(cloud, "wait", array["array"], status=1)
    found = counts(cloud, "failing")
    assert (found["done"], found["failed"], found["lost"]) == (5, 5, 0)
    (report,) = histories(cloud, array["array"])
    assert [child["index"] for child in report["failed_children"]] == [0, 1, 2, 3, 4]
    assert all(child["has_record"] for child in report["failed_children"])
    flag.touch()
    (again,) = json.loads(scar(cloud, "retry", "--failed", "-n", "failing", "-j"))
    assert again["array"] != array["array"]
    scar(cloud, "wait", again["array"])
    found = counts(cloud, "failing")
    assert (found["done"], found["failed"], found["queued"]) == (10, 0, 0)
    assert [row["children"] for row in found["arrays"]] == [10, 5]
    assert len(cloud.keys("out/failing/")) == 5
    assert json.loads(scar(cloud, "retry", "--failed", "-n", "failing", "-j")) == []


def test_a_cancelled_array_starts_no_more_children_and_can_be_retried(
    cloud: LocalCloudProcess,
) -> None:
    go = cloud.folder / "go"
    waits = f"until [ -e {go} ]; do sleep 0.1; done"
    upload(cloud, "archive/cancelled", [waits] * 12)
    array = submit(cloud, "cancelled", "archive/cancelled")
    until(lambda: running(cloud, "cancelled"))
    found = counts(cloud, "cancelled")
    assert found["queued"] + found["running"] == 12
    # A second submission finds them all in progress.
    again = json.loads(
        scar(cloud, "run", "-n", "cancelled", "--array", "-ib", f"{BUCKET}/archive/cancelled", "-j")
    )
    assert (again["arrays"], again["skipped"]) == ([], 12)
    assert json.loads(scar(cloud, "cancel", f"{array['array']}:11", "-j")) == [
        {"array": f"{array['array']}:11", "id": f"{array['job']}:11"}
    ]
    assert json.loads(scar(cloud, "cancel", "-n", "cancelled", "-j")) == [
        {"array": array["array"], "id": array["job"]}
    ]
    scar(cloud, "wait", array["array"], status=1)
    found = until(lambda: _ended(counts(cloud, "cancelled")))
    assert (found["failed"], found["lost"]) == (12, 0)  # most of them have no record
    (child,) = histories(cloud, f"{array['array']}:11")
    assert not child["has_record"]
    assert child["why"] == "The job was cancelled with `scar cancel`."
    go.touch()
    (again,) = json.loads(scar(cloud, "retry", "--failed", "-n", "cancelled", "-j"))
    scar(cloud, "wait", again["array"])
    found = counts(cloud, "cancelled")
    assert (found["done"], found["failed"], found["lost"], found["queued"]) == (12, 0, 0, 0)


def _ended(found: dict[str, Any]) -> dict[str, Any]:
    return {} if found["queued"] or found["running"] else found


def test_the_event_of_an_upload_and_a_child_are_two_deliveries(cloud: LocalCloudProcess) -> None:
    """Both claim a run of the file: a script that began is not begun again by the same event."""
    keys = [cloud.put("duplicated", f"echo {n}", f"{n}") for n in range(6)]
    for key in keys:
        cloud.ended("duplicated", key)
    found = json.loads(scar(cloud, "run", "-n", "duplicated", "--array", "-j"))
    assert (found["arrays"], found["skipped"]) == ([], 6)
    first = submit(cloud, "duplicated", "in/duplicated", "--force")
    scar(cloud, "wait", first["array"])
    assert counts(cloud, "duplicated")["done"] == 12
    # The same events once more, as of two commands at once: children end without running.
    (job,) = cloud.client("batch").describe_jobs(jobs=[first["job"]])["jobs"]
    second = cloud.client("batch").submit_job(
        jobName="twice",
        jobQueue=job["jobQueue"],
        jobDefinition="duplicated",
        arrayProperties={"size": 6},
        containerOverrides={"environment": job["container"]["environment"]},
    )["jobId"]
    until(lambda: _status(cloud, second) == "SUCCEEDED")
    assert counts(cloud, "duplicated")["done"] == 12
    assert all(second not in key for key in cloud.keys("runs/duplicated/2", STATE))


def _status(cloud: LocalCloudProcess, job: str) -> str:
    status: str = cloud.client("batch").describe_jobs(jobs=[job])["jobs"][0]["status"]
    return status


def test_a_killed_child_is_explained_as_a_single_job_is(cloud: LocalCloudProcess) -> None:
    # The supervisor itself is killed: nothing records the end of the run.
    kill = 'kill -9 $(cut -d" " -f4 /proc/$$/stat)'
    upload(cloud, "archive/killed", [kill, "true"])
    array = submit(cloud, "killed", "archive/killed")
    scar(cloud, "wait", array["array"], status=1)
    found = counts(cloud, "killed")
    assert (found["done"], found["failed"] + found["lost"]) == (1, 1)
    (history,) = histories(cloud, f"{array['array']}:0")
    assert history["state"] in ("lost", "failed")
    assert history["why"]


def test_one_file_is_an_ordinary_run(cloud: LocalCloudProcess) -> None:
    upload(cloud, "archive/started", ["true"])
    scar(cloud, "run", "-n", "started", "--array", "-ib", f"{BUCKET}/archive/started")
    until(lambda: counts(cloud, "started")["done"] == 1)
    assert not cloud.keys("runs/started/arrays/", STATE)


def test_what_cannot_be_an_array_is_refused(cloud: LocalCloudProcess) -> None:
    scar(cloud, "run", "-n", "lambdas", "--array", status=2)
    scar(cloud, "run", "-n", "plain", "--array", "-s", "x.sh", status=2)
    scar(cloud, "run", "-n", "plain", "--dry-run", status=2)
    scar(cloud, "why", "array-00000000", status=1)
    scar(cloud, "cancel", "array-00000000", status=1)
