"""Commands on arrays and children by name, also on those that never began."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import BUCKET, ROOT, STATE, a_local_cloud, environment, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

FUNCTIONS = tuple(function(name, execution_mode="batch", batch=IN_BATCH) for name in ("a", "b"))
# A command that is killed between SubmitJob and its record.
KILLED = """
import os, sys
from scar.cli.main import main
from scar.runs.arrays.array_store import ArrayStore
ArrayStore.write_job = lambda *_: os._exit(9)
sys.argv = ["scar", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", *FUNCTIONS)


def run(cloud: LocalCloudProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def scar(cloud: LocalCloudProcess, *arguments: str, status: int = 0) -> str:
    """Run a command as a user would; return what it wrote."""
    done = run(cloud, "-m", "scar", "--local", *arguments)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def upload(cloud: LocalCloudProcess, folder: str, script: str, number: int) -> list[str]:
    keys = [f"{folder}/{n:04}.sh" for n in range(number)]
    for key in keys:
        cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=script.encode())
    return keys


def counts(cloud: LocalCloudProcess, name: str) -> dict[str, Any]:
    done = run(cloud, "-m", "scar", "--local", "status", "-n", name, "-j")
    found: dict[str, Any] = json.loads(done.stdout)["functions"][0]
    return found


def begun(cloud: LocalCloudProcess, name: str) -> list[str]:
    return [key for key in cloud.keys(f"runs/{name}/2", STATE) if "attempt" in key]


def test_children_that_were_cancelled_before_they_began(cloud: LocalCloudProcess) -> None:
    go = cloud.folder / "go-a"
    keys = upload(cloud, "archive/a", f"echo begun; until [ -e {go} ]; do sleep 0.1; done", 12)
    scar(cloud, "run", "-n", "a", "--array", "-ib", f"{BUCKET}/archive/a")
    until(lambda: begun(cloud, "a"))
    (row,) = counts(cloud, "a")["arrays"]
    array, last = row["array"], f"{row['array']}:11"
    assert "cannot be retried" in scar(cloud, "retry", last, status=1)
    assert "No child of" in scar(cloud, "retry", array, status=1)
    assert "cannot show a log" in scar(cloud, "log", "--run", last, status=1)
    scar(cloud, "cancel", last)
    assert f"{last} has ended: FAILED" in scar(cloud, "cancel", last, status=1)
    assert "1 failed" in scar(cloud, "wait", last, status=1)
    scar(cloud, "cancel", array)
    scar(cloud, "wait", array, status=1)
    assert f"{array} has ended: FAILED" in scar(cloud, "cancel", array, status=1)
    found = until(lambda: ended(counts(cloud, "a")))
    assert (found["failed"], found["lost"]) == (12, 0)
    text = scar(cloud, "why", array)
    assert text.count("The job was cancelled with `scar cancel`.") == 12
    assert "The job was cancelled with `scar cancel`." in scar(cloud, "why", f"{array}:0")
    waited = scar(cloud, "wait", "-n", "a", status=1)
    assert "12 failed" in waited
    assert "12 runs did not succeed" in waited
    assert "begun" in scar(cloud, "log", "--run", array)
    # One by its index, one by its file, all others by the array.
    go.touch()
    assert last in scar(cloud, "retry", last)
    until(lambda: counts(cloud, "a")["done"] == 1)
    assert f"{array}:10" in scar(cloud, "retry", f"s3://{BUCKET}/{keys[10]}")
    until(lambda: counts(cloud, "a")["done"] == 2)
    assert "10 children" in scar(cloud, "retry", array, "--dry-run")
    scar(cloud, "retry", array)
    scar(cloud, "wait", "-n", "a")
    assert counts(cloud, "a")["done"] == 12
    assert "No child of" in scar(cloud, "retry", array, status=1)
    scar(cloud, "wait", last)


def ended(found: dict[str, Any]) -> dict[str, Any]:
    return {} if found["queued"] or found["running"] else found


def test_an_array_whose_submitter_was_killed_is_neither_lost_nor_submitted_again(
    cloud: LocalCloudProcess,
) -> None:
    go = cloud.folder / "go-b"
    upload(cloud, "archive/b", f"until [ -e {go} ]; do sleep 0.1; done", 12)
    submission = ("run", "-n", "b", "--array", "-ib", f"{BUCKET}/archive/b")
    assert run(cloud, "-c", KILLED, "--local", *submission).returncode == 9
    assert "No file needs a run" in scar(cloud, *submission)
    (row,) = counts(cloud, "b")["arrays"]
    assert row["children"] == 12
    scar(cloud, "cancel", "-n", "b")
    scar(cloud, "wait", row["array"], status=1)
    assert len(cloud.jobs("b")) == 1
