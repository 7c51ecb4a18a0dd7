"""The example examples/mpi: Debian's Open MPI over three nodes, each in a network of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.aws.deploy import deploy
from scar.fdl.loader import load_document
from tests.conformance.engine_harness import unavailable
from tests.containers.example_runs import run_in
from tests.fakes.local_cloud import a_local_cloud
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloudProcess

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[2] / "examples" / "mpi"
APPLETS = "sh head wc cat sleep mkdir chmod mv"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def run(*command: str | Path, folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )
    if done.returncode and ("Could not resolve" in done.stderr or "connect to" in done.stderr):
        unavailable("no mirror of Debian can be reached")
    assert done.returncode == 0, done.stderr


def build_image(folder: Path) -> None:
    """Write ``image.tar``, the image of the example's Dockerfile, without a container engine."""
    for tool in ("mmdebstrap", "apt-get", "dpkg-deb", "gcc"):
        if shutil.which(tool) is None:
            unavailable(f"{tool} is not installed")
    os.chmod(folder, 0o777)  # noqa: PTH101, S103 - apt's own user downloads into it
    run("apt-get", "download", "libopenmpi-dev", "libopenmpi3", folder=folder)
    for package in folder.glob("*.deb"):
        run("dpkg-deb", "-x", package, "development", folder=folder)
    library = folder / "development" / LIBRARIES
    include = library / "openmpi" / "include"
    link = (f"-L{library}", "-l:libmpi.so.40", "-Wl,--allow-shlib-undefined")
    run("gcc", "-O2", f"-I{include}", "-o", "pi", EXAMPLE / "pi.c", *link, folder=folder)
    # Packages are only extracted, so that root is not needed to configure them.
    hooks = (
        "--extract-hook=copy-in pi /usr/bin",
        f'--extract-hook=for name in {APPLETS}; do ln -s busybox "$1/bin/$name"; done',
    )
    packages = "--include=openmpi-bin,busybox-static"
    run("mmdebstrap", "--variant=extract", packages, *hooks, "bookworm", "root.tar", folder=folder)
    command = (sys.executable, "-m", "scar", "image", "import", "root.tar", "-o", "image.tar")
    run(*command, folder=folder)


def deploy_example(cloud: LocalCloudProcess, folder: Path) -> None:
    functions = functions_of(load_document(folder / "mpi.yaml"))
    deploy.init(functions, cloud.connection, lambda _: None, images=cloud.images())


def job_of(cloud: LocalCloudProcess, text: str) -> dict[str, Any]:
    """Upload a file, and return its job once it has ended."""
    known = {job["jobId"] for job in cloud.jobs("mpi-pi")}
    key = f"steps/{len(known)}.txt"
    cloud.client("s3").put_object(Bucket="my-mpi", Key=key, Body=text.encode())

    def ended() -> list[dict[str, Any]]:
        jobs = [job for job in cloud.jobs("mpi-pi") if job["jobId"] not in known]
        return [job for job in jobs if job["status"] in ("SUCCEEDED", "FAILED")]

    (job,) = until(ended)
    return job


def exit_codes(cloud: LocalCloudProcess, job: str) -> list[int | None]:
    """Return the nodes' exit codes; None for a node that the end of the main one has stopped."""
    nodes = cloud.client("batch").describe_jobs(jobs=[f"{job}#{index}" for index in range(3)])
    return [node["container"].get("exitCode") for node in nodes["jobs"]]


@pytest.mark.container
def test_an_mpi_program_runs_on_three_nodes_and_ends(tmp_path: Path) -> None:
    for name in ("mpi.yaml", "run.sh"):
        shutil.copy(EXAMPLE / name, tmp_path)
    build_image(tmp_path)
    for cloud in a_local_cloud("sandbox"):
        assert run_in(cloud, "mpi", tmp_path / "image.tar") == []
        deploy_example(cloud, tmp_path)
        check_success(cloud)
        check_failure(cloud)


def check_success(cloud: LocalCloudProcess) -> None:
    results = {}
    for steps in (1_000_000, 2_000_000, 3_000_000):
        job = job_of(cloud, f"{steps}\n")
        assert job["status"] == "SUCCEEDED", cloud.log("mpi-pi")
        main, *others = exit_codes(cloud, job["jobId"])
        assert main == 0
        assert set(others) <= {0, None}  # slow ones are stopped, as on AWS
        results[f"results/pi-{steps}.txt"] = f"3 processes, {steps} steps: pi is 3.141592654\n"
    outputs = cloud.keys("results/", "my-mpi")
    assert {key: cloud.read(key, "my-mpi") for key in outputs} == results


def check_failure(cloud: LocalCloudProcess) -> None:
    """A process on the last node calls MPI_Abort: its code is the exit status of the main node."""
    job = job_of(cloud, "0\n")
    assert job["status"] == "FAILED"
    assert exit_codes(cloud, job["jobId"])[0] == 3, cloud.log("mpi-pi")
    assert len(cloud.keys("results/", "my-mpi")) == 3
