"""BatchCluster against a whole local cloud: real dask, real processes, TLS."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.fakes.local_cloud import BUCKET, ROOT, STATE, environment
from tests.functional.cluster.manager_programs import (
    run_program,
    staged_keys,
    start_program,
    unfinished_jobs,
)
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloudProcess


def members(cloud: LocalCloudProcess, cluster: str, function: str = "grid") -> dict[str, Any]:
    """Return the records of a cluster's members by id."""
    prefix = f"runs/{function}/clusters/{cluster}/members/"
    keys = cloud.keys(prefix, STATE)
    return {key[len(prefix) : -len(".json")]: json.loads(cloud.read(key, STATE)) for key in keys}


def test_ten_thousand_items_are_mapped_over_tls(cloud: LocalCloudProcess) -> None:
    (line,) = run_program(
        cloud,
        """
        def square(x):
            import os
            return x * x, os.environ["AWS_BATCH_JOB_ID"]

        with BatchCluster("grid", 2, name="squares") as cluster, cluster.get_client() as client:
            staged = cluster.stage.read_spec()
            found = client.gather(client.map(square, range(10_000), batch_size=1_000))
            report(
                total=sum(value for value, _ in found),
                jobs=sorted({job for _, job in found}),
                address=cluster.scheduler_address,
                staged=staged is not None,
            )
        """,
    )
    found = json.loads(line)
    assert found["total"] == sum(x * x for x in range(10_000))
    assert found["staged"]
    assert found["address"].startswith("tls://127.0.0.1:")
    jobs = [job for job in cloud.jobs("grid") if "-cluster-squares-" in job["jobName"]]
    assert sorted(job["jobId"] for job in jobs) == found["jobs"]
    assert "PRIVATE KEY" not in json.dumps(jobs, default=str)
    assert {job["tags"]["scar:cluster"] for job in jobs} == {"squares"}
    until(lambda: not unfinished_jobs(cloud))
    assert not [key for key in staged_keys(cloud) if "/squares/" in key]
    records = members(cloud, "squares")
    assert {record["kind"] for record in records.values()} == {"worker"}
    assert {record["state"] for record in records.values()} == {"ended"}


def test_workers_are_no_runs(cloud: LocalCloudProcess) -> None:
    run_program(cloud, "with BatchCluster('alone', 1): pass")
    for command in (["status", "-n", "alone", "-j"], ["status", "--failed", "-n", "alone", "-j"]):
        shown = subprocess.run(
            [sys.executable, "-m", "scar", "--local", *command],
            env=environment(cloud.folder),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        document = json.loads(shown.stdout)
        assert document["recent"] == []
        counts = document["functions"][0]
        assert not any(value for key, value in counts.items() if isinstance(value, int)), counts


def test_a_function_is_mapped_over_the_files_of_a_folder(cloud: LocalCloudProcess) -> None:
    for number in range(12):
        cloud.client("s3").put_object(
            Bucket=BUCKET, Key=f"texts/{number}.txt", Body=b"word " * (number + 1)
        )
    (line,) = run_program(
        cloud,
        f"""
        def count_words(key):
            import boto3
            body = boto3.client("s3").get_object(Bucket={BUCKET!r}, Key=key)["Body"]
            return len(body.read().split())

        with BatchCluster("grid", 2) as cluster, cluster.get_client() as client:
            keys = [f"texts/{{number}}.txt" for number in range(12)]
            report(counts=client.gather(client.map(count_words, keys)))
        """,
    )
    assert json.loads(line)["counts"] == list(range(1, 13))


def test_an_idle_cluster_shrinks_to_nothing_and_grows_again(cloud: LocalCloudProcess) -> None:
    lines = run_program(
        cloud,
        """
        def wait(x):
            import time
            time.sleep(0.2)
            return x

        def until(count):
            while workers(client) != count:
                time.sleep(0.1)
            report(workers=count)

        with BatchCluster("grid") as cluster, cluster.get_client() as client:
            cluster.adapt(minimum=0, maximum=2, interval="200ms", wait_count=3)
            for start in (0, 100):
                futures = client.map(wait, range(start, start + 10))
                assert client.gather(futures) == list(range(start, start + 10))
                del futures
                until(0)
        """,
    )
    assert [json.loads(line)["workers"] for line in lines] == [0, 0]
    until(lambda: not unfinished_jobs(cloud))


def test_a_killed_program_leaves_no_job(cloud: LocalCloudProcess) -> None:
    code = """
        cluster = BatchCluster("grid", 2, name="killed", death_timeout=5)
        cluster.scale(3)  # two run, one waits for a place
        while len(cluster.workers) < 3:
            time.sleep(0.1)
        report(up=True)
        time.sleep(300)
        """
    with start_program(cloud, code) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        assert len(unfinished_jobs(cloud)) == 3
        program.kill()
    until(lambda: not unfinished_jobs(cloud))


def test_a_terminated_program_ends_its_jobs(cloud: LocalCloudProcess) -> None:
    code = """
        cluster = BatchCluster("grid", 1, name="terminated", death_timeout=300)
        report(up=True)
        time.sleep(300)
        """
    with start_program(cloud, code) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        program.terminate()
        assert program.wait(60) == 128 + signal.SIGTERM
    until(lambda: not unfinished_jobs(cloud))
    assert not [key for key in staged_keys(cloud) if "/terminated/" in key]


def test_a_program_that_ends_without_closing_ends_its_jobs(cloud: LocalCloudProcess) -> None:
    run_program(cloud, "cluster = BatchCluster('grid', 1, name='left', death_timeout=300)")
    until(lambda: not unfinished_jobs(cloud))
    assert not [key for key in staged_keys(cloud) if "/left/" in key]


def test_workers_end_with_a_killed_scheduler(cloud: LocalCloudProcess) -> None:
    code = """
        cluster = BatchCluster("grid", 1, scheduler="job", name="headless", worker_timeout=120)
        report(address=cluster.scheduler_address)
        time.sleep(300)
        """
    with start_program(cloud, code) as program:
        assert program.stdout is not None
        address = json.loads(program.stdout.readline())["address"]
        assert address.startswith("tls://")
        record = members(cloud, "headless")["scheduler"]
        assert (record["kind"], record["address"]) == ("scheduler", address)
        subprocess.run(
            [sys.executable, "-c", KILL_SCHEDULER, address.rpartition(":")[2]], check=True
        )
        until(lambda: not unfinished_jobs(cloud))
        program.kill()
    ended = members(cloud, "headless")
    assert ended["scheduler"]["state"] == "failed"
    assert "SIGKILL" in ended["scheduler"]["problem"]
    assert {r["state"] for r in ended.values() if r["kind"] == "worker"} == {"ended"}


KILL_SCHEDULER = """
import os, signal, sys
from pathlib import Path
for path in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        words = path.read_bytes().split(b"\\0")
    except OSError:
        continue
    if b"distributed.cli.dask_scheduler" in words and sys.argv[1].encode() in words:
        os.kill(int(path.parent.name), signal.SIGKILL)
        sys.exit(0)
sys.exit("there is no scheduler")
"""


def test_a_cluster_continues_with_the_workers_that_came(cloud: LocalCloudProcess) -> None:
    (line,) = run_program(
        cloud,
        """
        with BatchCluster("grid", 3, worker_timeout=30) as cluster, cluster.get_client() as client:
            report(workers=workers(client), total=client.submit(sum, [1, 2, 3]).result())
        """,
    )
    assert json.loads(line) == {"workers": 2, "total": 6}
    until(lambda: not unfinished_jobs(cloud))


def test_a_cluster_without_a_worker_fails_and_names_the_cause(cloud: LocalCloudProcess) -> None:
    (line,) = run_program(
        cloud,
        """
        from scar.cluster.worker_wait import NoWorkersError
        try:
            BatchCluster("bare", 1, name="empty", worker_timeout=120)
        except NoWorkersError as error:
            report(problem=error.problem, remedy=error.remedy)
        """,
    )
    found = json.loads(line)
    assert "exit status 1" in found["problem"]
    assert "scar log -n bare" in found["remedy"]
    (record,) = members(cloud, "empty", "bare").values()
    assert record["state"] == "failed"
    assert record["problem"] == "The image has no dask.distributed."
    assert "The image has no dask.distributed." in cloud.log("bare")
    assert not unfinished_jobs(cloud, "bare")


def test_a_scheduler_that_does_not_start_is_the_error(cloud: LocalCloudProcess) -> None:
    (line,) = run_program(
        cloud,
        """
        from scar.errors import ScarError
        try:
            BatchCluster("bare", 1, scheduler="job", name="silent", worker_timeout=120)
        except ScarError as error:
            report(problem=error.problem, remedy=error.remedy)
        """,
    )
    found = json.loads(line)
    assert found["problem"] == "The scheduler has ended: The image has no dask.distributed."
    assert "pip install" in found["remedy"]
    assert not unfinished_jobs(cloud, "bare")
    assert not [key for key in staged_keys(cloud) if "/silent/" in key]


def test_a_function_without_the_key_forms_no_cluster(cloud: LocalCloudProcess) -> None:
    (line,) = run_program(
        cloud,
        """
        from scar.errors import ScarError
        try:
            BatchCluster("runs", 1)
        except ScarError as error:
            report(problem=error.problem, remedy=error.remedy)
        """,
    )
    found = json.loads(line)
    assert found["problem"] == "The jobs of runs are not allowed to form clusters."
    assert "batch.cluster: true" in found["remedy"]


def test_a_program_in_a_job_has_workers_of_its_own_function(cloud: LocalCloudProcess) -> None:
    """The tutorial of AWSClusterManagers: the manager is a job, and submits its workers."""
    key = cloud.put(
        "grid",
        f"""
        PYTHONPATH={ROOT} exec python3 -c '
        from scar.cluster import BatchCluster
        with BatchCluster("grid", 1) as cluster, cluster.get_client() as client:
            print("Num Procs:", 1 + len(cluster.workers))
            for worker, answer in client.run(lambda: 7 * 6).items():
                print("Worker", worker, "->", answer)
        '
        """.replace("\n        ", "\n"),
    )
    records = cloud.ended("grid", key)
    assert "done.json" in records, cloud.log("grid")
    log = cloud.log("grid")
    assert "Num Procs: 2" in log
    assert "-> 42" in log
    until(lambda: not unfinished_jobs(cloud))
