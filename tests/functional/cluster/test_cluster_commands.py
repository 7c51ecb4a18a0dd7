"""``scar cluster`` against a whole local cloud."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import ROOT, environment
from tests.functional.cluster.manager_programs import staged_keys, unfinished_jobs
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloudProcess


def scar(cloud: LocalCloudProcess, *arguments: str, status: int = 0) -> str:
    """Run a command; return stdout, or stderr of one that fails."""
    done = subprocess.run(
        [sys.executable, "-m", "scar", "--local", "cluster", *arguments],
        env=environment(cloud.folder) | {"XDG_STATE_HOME": str(cloud.folder / "state")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


def listed(cloud: LocalCloudProcess) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(scar(cloud, "ls", "-n", "grid", "-j"))
    return {item["name"]: item for item in found}


def test_a_cluster_is_started_used_scaled_and_stopped(cloud: LocalCloudProcess) -> None:
    code = scar(cloud, "start", "-n", "grid", "-c", "night", "-k", "1")
    folder = cloud.folder / "state" / "scar" / "clusters" / "grid" / "night"
    assert {path.name for path in folder.iterdir()} == {"ca.pem", "cert.pem", "key.pem"}
    for path in (*folder.iterdir(), folder):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    # What is printed is a program.
    answer = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(client.submit(sum, [1, 2, 3]).result())"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert answer.stdout == "6\n"
    night = listed(cloud)["night"]
    assert (night["scheduler"], night["workers"]) == ("RUNNING", {"RUNNING": 1})
    assert night["address"] in code
    assert "exists" not in scar(cloud, "ls", "-n", "grid")
    problem = scar(cloud, "start", "-n", "grid", "-c", "night", status=1)
    assert "grid has a cluster night already." in problem

    scar(cloud, "scale", "-n", "grid", "-c", "night", "-k", "3")
    # The scheduler and one worker have both places.
    assert listed(cloud)["night"]["workers"] == {"RUNNING": 1, "RUNNABLE": 2}
    scar(cloud, "scale", "-n", "grid", "-c", "night", "-k", "1")
    until(lambda: listed(cloud)["night"]["workers"] == {"RUNNING": 1})

    assert "2 jobs ended" in scar(cloud, "stop", "-n", "grid", "-c", "night")
    assert not unfinished_jobs(cloud)
    # Other tests of this cloud leave clusters that were not stopped.
    assert not [key for key in staged_keys(cloud) if "/night/" in key]
    assert not folder.exists()
    assert "night" not in listed(cloud)


def test_a_function_with_a_share_has_clusters_of_its_own(cloud: LocalCloudProcess) -> None:
    scar(cloud, "start", "-n", "grid-cluster-x", "-c", "night", "-k", "0")
    (job,) = cloud.jobs("grid-cluster-x")
    assert job["jobName"] == "grid-cluster-x-cluster-night-scheduler"
    assert (job["shareIdentifier"], job["schedulingPriority"]) == ("teamA", 5)
    # It could also be the name of a job of grid.
    assert "x-cluster-night" not in listed(cloud)
    problem = scar(cloud, "stop", "-n", "grid", "-c", "x-cluster-night", status=1)
    assert "grid has no cluster x-cluster-night." in problem
    assert unfinished_jobs(cloud, "grid-cluster-x") == [job["jobName"]]
    assert "1 job ended" in scar(cloud, "stop", "-n", "grid-cluster-x", "-c", "night")


def test_a_stopped_name_is_used_again(cloud: LocalCloudProcess) -> None:
    addresses = []
    for _ in range(2):
        found = json.loads(scar(cloud, "start", "-n", "grid", "-c", "again", "-k", "0", "-j"))
        addresses.append(found["address"])
        assert Path(found["tls_client_key"]).read_text().startswith("-----BEGIN")
        scar(cloud, "stop", "-n", "grid", "-c", "again")
    assert len(set(addresses)) == 2


def test_an_idle_cluster_ends_by_itself(cloud: LocalCloudProcess) -> None:
    scar(cloud, "start", "-n", "grid", "-c", "idle", "-k", "1", "--idle-timeout", "2")
    until(lambda: not unfinished_jobs(cloud))
    assert listed(cloud)["idle"]["scheduler"] == ""
    scar(cloud, "stop", "-n", "grid", "--all")
    assert not staged_keys(cloud)


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["stop", "-n", "grid", "-c", "absent"], 1, "grid has no cluster absent."),
        (["scale", "-n", "grid", "-c", "absent", "-k", "2"], 1, "grid has no cluster absent."),
        (["ls", "-n", "absent"], 1, "There is no function absent with Batch jobs."),
        (["start", "-n", "runs"], 1, "The jobs of runs are not allowed to form clusters."),
        (["start", "-n", "grid", "-c", "Big"], 2, "'Big' cannot be the name of a cluster."),
        (["stop", "-n", "grid"], 2, "Missing option: -c NAME or -a."),
    ],
)
def test_a_refusal_names_its_cause(
    cloud: LocalCloudProcess, arguments: list[str], status: int, problem: str
) -> None:
    assert problem in scar(cloud, *arguments, status=status)
