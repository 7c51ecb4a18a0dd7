"""``make acceptance`` refuses, cleans up after signals, and writes a valid report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.acceptance.kit.journal import Journal
from tests.acceptance.kit.report import SCHEMA
from tests.fakes.local_cloud import needs
from tests.waiting import TIMEOUT, until

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start the runner on the local cloud, with a folder and a report in ``folder``."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("AWS_", "SCAR_", "PYTEST", "ACCEPT"))
    }
    where = ["--acceptance-folder", str(folder / "run")]
    report = ["--acceptance-report", str(folder / "report.json")]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.acceptance.kit.runner", *where, *report, *arguments],
        cwd=ROOT,
        env={**kept, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=2 * TIMEOUT)
    return process.returncode, output


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    return report


def test_aws_is_refused_without_consent_after_the_costs_are_printed(tmp_path: Path) -> None:
    status, output = finish(start(tmp_path))
    assert status == 2
    assert "Upper bound of the cost in USD" in output
    assert output.index("total") < output.index("Set ACCEPT_COSTS=1")
    assert not (tmp_path / "report.json").exists()


def test_aws_is_refused_without_credentials(tmp_path: Path) -> None:
    status, output = finish(start(tmp_path, ACCEPT_COSTS="1", AWS_REGION="eu-west-1"))
    assert status == 2
    assert "credentials" in output


def test_an_unknown_step_is_refused(tmp_path: Path) -> None:
    local = ("--acceptance-target", "local")
    status, output = finish(start(tmp_path, *local, "--acceptance-steps", "1,12"))
    assert (status, "There is no step 12" in output) == (2, True)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").touch()
    status, output = finish(start(tmp_path, "--acceptance-target", "local"))
    assert (status, "is not empty" in output) == (2, True)


@pytest.mark.timeout(1200)
def test_the_cleanup_of_a_killed_run_can_be_repeated(tmp_path: Path) -> None:
    needs("process")
    local = ("--acceptance-target", "local", "--acceptance-steps", "1")
    process = start(tmp_path, *local, ACCEPTANCE_DRIFT_MINUTES="60")
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    until(lambda: journal.entries("drift") or process.poll() is not None)
    process.kill()
    process.communicate(timeout=TIMEOUT)  # ends when the steps, too, have closed the pipe
    assert not (tmp_path / "report.json").exists()
    clean = [sys.executable, "-m", "tests.acceptance.kit.runner", "--clean", str(tmp_path / "run")]
    for _ in range(2):
        done = subprocess.run(clean, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Nothing else is left" in done.stderr
    assert not (tmp_path / "run" / "cloud" / "server.json").exists()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("signals", [["SIGTERM"], ["SIGINT", "SIGINT"]], ids=["term", "twice"])
def test_an_interrupted_run_leaves_nothing_and_reports_that(
    tmp_path: Path, signals: Sequence[str]
) -> None:
    needs("process")
    local = ("--acceptance-target", "local", "--acceptance-steps", "1")
    process = start(tmp_path, *local, ACCEPTANCE_DRIFT_MINUTES="60")
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    # Step 1 has deployed its function, and waits an hour for drift.
    until(lambda: journal.entries("drift") or process.poll() is not None)
    for number, name in enumerate(signals):
        process.send_signal(signal.Signals[name])
        until(lambda n=number: len(journal.entries("interruption")) > n)  # type: ignore[misc]
    status, output = finish(process)
    assert status == 1, output
    assert "Nothing else is left" in output
    report = report_of(tmp_path)
    assert not report["complete"]
    assert report["left"] == []
    assert report["kept"] == [{"resource": "state bucket", "name": "scar-<account>-us-east-1"}]
    assert len(report["interruptions"]) == len(signals)
    assert {entry["operation"] for entry in report["calls"]} >= {"CreateFunction"}
    server = tmp_path / "run" / "cloud" / "server.json"
    assert not server.exists()
    assert "123456789012" not in (tmp_path / "report.json").read_text()
