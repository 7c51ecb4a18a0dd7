"""Programs that use BatchCluster, run as users would: in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

from tests.fakes.local_cloud import STATE, environment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fakes.local_cloud import LocalCloudProcess

FINISHED = ("SUCCEEDED", "FAILED")
_PRELUDE = """
import json, os, sys, time
from scar.cluster import BatchCluster

def report(**facts):
    print(json.dumps(facts), flush=True)

def workers(client):
    return len(client.scheduler_info(n_workers=-1)["workers"])

"""


def start_program(cloud: LocalCloudProcess, code: str) -> subprocess.Popen[str]:
    """Start a program; its messages are in the test's own output."""
    return subprocess.Popen(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", _PRELUDE + textwrap.dedent(code)],
        env=environment(cloud.folder) | {"SCAR_LOCAL": "1"},
        cwd=cloud.folder,
        stdout=subprocess.PIPE,
        text=True,
    )


def run_program(cloud: LocalCloudProcess, code: str, status: int = 0) -> list[str]:
    """Run a program to its end; return the lines that it printed."""
    with start_program(cloud, code) as program:
        output, _ = program.communicate(timeout=300)
    assert program.returncode == status, output
    return output.splitlines()


def unfinished_jobs(cloud: LocalCloudProcess, function: str = "grid") -> list[str]:
    """Return the names of the jobs that have not ended."""
    return [job["jobName"] for job in cloud.jobs(function) if job["status"] not in FINISHED]


def staged_keys(cloud: LocalCloudProcess, keys: Iterable[str] = ()) -> list[str]:
    """Return the keys of the clusters' specifications, which have private keys."""
    listed = keys or cloud.keys("runs/", STATE)
    return [key for key in listed if key.endswith("/files/spec.json")]
