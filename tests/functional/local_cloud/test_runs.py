"""The commands on runs (status, why, retry, wait, cancel, logs) against a whole local cloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import (
    BUCKET,
    ROOT,
    STATE,
    a_local_cloud,
    environment,
    function,
)
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.local_cloud import LocalCloudProcess

FUNCTIONS = (
    function("first", output=[{"path": f"{BUCKET}/in/second"}]),
    function("second"),
    function("single", concurrency=1),
    function("crashing"),
    function("jobs", execution_mode="batch", batch=IN_BATCH),
    function(
        "either",
        execution_mode="lambda-batch",
        container={"timeout_threshold": 3},
        batch=IN_BATCH,
    ),
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
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout


def histories(cloud: LocalCloudProcess, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(scar(cloud, "why", what, "-j"))
    return found


def counts(cloud: LocalCloudProcess, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scar(cloud, "status", "-n", name, "-j"))["functions"][0]
    return found


def test_a_failed_run_is_explained_and_done_after_a_retry(cloud: LocalCloudProcess) -> None:
    flag = cloud.folder / "mended"
    key = cloud.put("second", f'[ -e {flag} ] || exit 3; echo well >"$TMP_OUTPUT_DIR/mended"')
    cloud.ended("second", key)
    scar(cloud, "wait", "-n", "second", status=1)
    (history,) = histories(cloud, f"s3://{BUCKET}/{key}")
    assert history["state"] == "failed"
    assert history["why"] == "The script ended with status 3."
    assert counts(cloud, "second")["failed"] == 1
    assert f"s3://{BUCKET}/{key}" in scar(cloud, "status", "--failed", "-n", "second")
    flag.touch()
    scar(cloud, "retry", "--failed", "-n", "second")
    scar(cloud, "wait", "-n", "second")
    assert cloud.read("out/second/mended") == "well\n"
    assert counts(cloud, "second")["failed"] == 0
    assert len(cloud.runs("second", key)) == 1


def test_a_repeated_direct_call_has_ended_and_names_its_repetition(
    cloud: LocalCloudProcess,
) -> None:
    script = cloud.folder / "crash.sh"
    script.write_text("#!/bin/sh\nkill -SEGV $$\n")
    before = counts(cloud, "crashing")
    scar(cloud, "run", "-n", "crashing", "-s", str(script), status=139)
    scar(cloud, "retry", "--failed", "-n", "crashing")
    # The repetition runs at once, and fails as the first call has.
    until(lambda: counts(cloud, "crashing")["failed"] == before["failed"] + 1)
    after = counts(cloud, "crashing")
    assert (after["waiting"], after["repeated"]) == (0, before["repeated"] + 1)
    listed = json.loads(scar(cloud, "status", "-n", "crashing", "-j"))["recent"]
    (old,) = [row for row in listed if row["state"] == "repeated"]
    (new,) = [row for row in listed if row["state"] == "failed" and row["direct"]]
    assert old["note"] == f"repeated as {new['run']}"
    assert "SIGSEGV" in new["note"]
    assert f"repeated as run {new['function']}/" in scar(cloud, "why", old["run"])
    scar(cloud, "retry", old["run"], status=1)
    scar(cloud, "cancel", old["run"], status=1)
    scar(cloud, "wait", old["run"], status=139)
    scar(cloud, "wait", "-n", "crashing", status=1)


def test_a_repetition_that_waits_is_counted_awaited_and_cancelled(
    cloud: LocalCloudProcess, tmp_path: Path
) -> None:
    """The function's only execution environment is busy, so that the event stays in the queue."""
    crash, busy, go = tmp_path / "crash.sh", tmp_path / "busy.sh", tmp_path / "go"
    ran = tmp_path / "ran"
    crash.write_text(f"#!/bin/sh\necho ran >>{ran}\nexit 3\n")
    busy.write_text(f"#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.05; done\n")
    scar(cloud, "run", "-n", "single", "-s", str(crash), status=3)
    scar(cloud, "run", "-n", "single", "-a", "-s", str(busy))
    until(lambda: counts(cloud, "single")["lambda"])
    (line,) = scar(cloud, "retry", "--failed", "-n", "single").splitlines()
    old, new = line.split()
    assert counts(cloud, "single")["waiting"] == 1
    scar(cloud, "wait", new, "--timeout", "0.1", status=6)
    scar(cloud, "wait", old, "--timeout", "0.1", status=6)
    assert "it repeats run" in scar(cloud, "why", new)
    assert new in scar(cloud, "cancel", "-n", "single")
    go.touch()
    scar(cloud, "wait", "-n", "single", status=1)
    # What is sent later runs later: the cancelled event has been delivered before it.
    scar(cloud, "run", "-n", "single", "-a", "-s", str(crash))
    until(lambda: ran.read_text() == "ran\nran\n")
    scar(cloud, "wait", "-n", "single", status=1)
    assert ran.read_text() == "ran\nran\n"
    (history,) = histories(cloud, new)
    assert (history["state"], history["why"][:21]) == ("failed", "The run was cancelled")


def test_a_chain_is_followed_in_both_directions(cloud: LocalCloudProcess) -> None:
    key = cloud.put("first", 'echo "true" >"$TMP_OUTPUT_DIR/chained"')
    until(lambda: cloud.keys("in/second/chained"))
    scar(cloud, "wait", "-n", "second")
    (history,) = histories(cloud, f"s3://{BUCKET}/{key}")
    assert history["made_by"] is None
    (started,) = history["triggered"][f"s3://{BUCKET}/in/second/chained"]
    writer, reader = histories(cloud, f"s3://{BUCKET}/in/second/chained")
    assert (writer["run"], reader["run"]) == (history["run"], started)
    assert reader["made_by"] == history["run"]


def test_a_script_that_is_killed_in_lambda_continues_in_batch(
    cloud: LocalCloudProcess,
) -> None:
    key = cloud.put(
        "either",
        """
        echo "at $SCAR_SITE"
        [ "$SCAR_SITE" = batch ] || kill -9 $$
        echo well >"$TMP_OUTPUT_DIR/killed"
        """,
    )
    assert cloud.read("out/either/killed") == "well\n"
    cloud.ended("either", key)
    (history,) = histories(cloud, f"s3://{BUCKET}/{key}")
    assert history["records"]["delegated"]["kind"] == "OutOfMemory"
    assert history["job"]["status"] in ("RUNNING", "SUCCEEDED")
    (job,) = cloud.jobs("either", key)
    needs = {n["type"]: n["value"] for n in job["container"]["resourceRequirements"]}
    assert int(needs["MEMORY"]) >= 512  # twice Lambda's 256
    log = until(lambda: _both(scar(cloud, "logs", "--file", f"s3://{BUCKET}/{key}")))
    assert log.index("at lambda") < log.index("at batch")


def _both(log: str) -> str:
    return log if "at lambda" in log and "at batch" in log else ""


def test_a_cancelled_job_is_a_failure_with_its_cause(cloud: LocalCloudProcess) -> None:
    key = cloud.put("jobs", "exec sleep 300")
    until(lambda: any(job["status"] == "RUNNING" for job in cloud.jobs("jobs", key)))
    until(
        lambda: [
            r
            for r in cloud.keys("runs/jobs/", f"scar-{'123456789012'}-us-east-1")
            if "attempt" in r
        ]
    )
    assert counts(cloud, "jobs")["running"] == 1
    scar(cloud, "cancel", f"s3://{BUCKET}/{key}")
    cloud.ended("jobs", key)
    (history,) = histories(cloud, f"s3://{BUCKET}/{key}")
    assert history["state"] == "failed"
    assert "scar cancel" in history["why"] or "TERM" in history["why"]


def test_unknown_runs_functions_and_files_are_errors(cloud: LocalCloudProcess) -> None:
    scar(cloud, "why", "deadbeef", status=1)
    scar(cloud, "status", "-n", "absent", status=1)
    scar(cloud, "wait", "-n", "absent", status=1)
    scar(cloud, "retry", status=2)
    scar(cloud, "why", f"s3://{BUCKET}/", status=2)
    scar(cloud, "status", "--since", "tomorrow", status=2)


def test_wait_ends_at_its_timeout(cloud: LocalCloudProcess, tmp_path: Path) -> None:
    go = tmp_path / "go"
    key = cloud.put("first", f"until [ -e {go} ]; do sleep 0.05; done")
    until(lambda: cloud.runs("first", key))
    scar(cloud, "wait", "-n", "first", "--timeout", "0.5", status=6)
    go.touch()
    scar(cloud, "wait", "-n", "first")


def test_a_killed_run_is_explained_and_done_after_a_retry(
    cloud: LocalCloudProcess,
) -> None:
    flag = cloud.folder / "lives"
    key = cloud.put(
        "second",
        f'[ -e {flag} ] || {{ kill -9 $PPID; sleep 5; }}; echo well >"$TMP_OUTPUT_DIR/lives"',
    )
    cloud.ended("second", key)
    (history,) = histories(cloud, f"s3://{BUCKET}/{key}")
    assert history["state"] == "failed"
    assert "killed" in history["why"]
    assert "memory" in history["why"]
    flag.touch()
    scar(cloud, "retry", f"s3://{BUCKET}/{key}")
    assert cloud.read("out/second/lives") == "well\n"
    scar(cloud, "wait", "-n", "second")
    assert len(cloud.runs("second", key)) == 1


def test_the_log_of_a_run_is_followed_from_lambda_to_batch_until_its_end(
    cloud: LocalCloudProcess,
) -> None:
    key = cloud.put(
        "either",
        """
        echo "followed at $SCAR_SITE"
        [ "$SCAR_SITE" = batch ] || kill -9 $$
        sleep 4
        echo "over now"
        """,
    )
    until(lambda: cloud.keys("runs/either/", STATE))
    log = scar(cloud, "logs", "--file", f"s3://{BUCKET}/{key}", "--follow")
    found = [log.index(f"followed at {site}") for site in ("lambda", "batch")]
    assert found == sorted(found)
    assert "over now" in log
    assert log.count("over now") == 1
    assert "done.json" in cloud.ended("either", key)


def test_status_with_watch_repeats_until_ctrl_c(cloud: LocalCloudProcess) -> None:
    program = (
        # The caller of the tests may ignore SIGINT, as shells do for background jobs.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT]);"
        "from scar.cli import main; main.main()"
    )
    watching = subprocess.Popen(
        [sys.executable, "-c", program, "--local", "status", "-n", "second", "--watch"],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching:
        assert watching.stdout is not None
        heads = 0
        while heads < 2:
            line = watching.stdout.readline()
            assert line, "it ended by itself"
            heads += line.startswith("FUNCTION")
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
    assert watching.returncode == 130
