"""The example examples/mpi: Debian's MPICH over three nodes, each in a network of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.aws.deploy import deploy
from scar.fdl.loader import load_document
from tests.conformance.engine_harness import unavailable
from tests.fakes.local_cloud import a_local_cloud
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloudProcess

EXAMPLE = Path(__file__).parents[2] / "examples" / "mpi"
APPLETS = "sh head wc grep cut cat sleep mkdir tee"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def run(*command: str | Path, folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )
    if done.returncode and ("Could not resolve" in done.stderr or "connect to" in done.stderr):
        unavailable("no mirror of Debian can be reached")
    assert done.returncode == 0, done.stderr


def build_image(folder: Path) -> None:
    """Write ``pi.tar``, the image of the example's Dockerfile, without a container engine."""
    for tool in ("mmdebstrap", "apt-get", "dpkg-deb", "gcc"):
        if shutil.which(tool) is None:
            unavailable(f"{tool} is not installed")
    os.chmod(folder, 0o777)  # noqa: PTH101, S103 - apt's own user downloads into it
    run("apt-get", "download", "libmpich-dev", "libmpich12", folder=folder)
    for package in folder.glob("*.deb"):
        run("dpkg-deb", "-x", package, "development", folder=folder)
    library = folder / "development" / LIBRARIES
    include = folder / "development" / "usr/include/x86_64-linux-gnu/mpich"
    link = (f"-L{library}", "-l:libmpich.so.12", "-Wl,--allow-shlib-undefined")
    run("gcc", "-O2", f"-I{include}", "-o", "pi", EXAMPLE / "pi.c", *link, folder=folder)
    # Packages are only extracted, so that root is not needed to configure them.
    hooks = (
        "--extract-hook=copy-in pi /usr/bin",
        f'--extract-hook=for name in {APPLETS}; do ln -s busybox "$1/bin/$name"; done',
    )
    packages = "--include=mpich,busybox-static"
    run("mmdebstrap", "--variant=extract", packages, *hooks, "bookworm", "root.tar", folder=folder)
    command = (sys.executable, "-m", "scar", "image", "import", "root.tar", "-o", "pi.tar")
    run(*command, folder=folder)


def deploy_example(cloud: LocalCloudProcess, folder: Path) -> None:
    functions = functions_of(load_document(folder / "mpi.yaml"))
    deploy.init(functions, cloud.connection, lambda _: None, images=cloud.images())


@pytest.mark.container
def test_an_mpi_program_runs_on_three_nodes(tmp_path: Path) -> None:
    for name in ("mpi.yaml", "run.sh"):
        shutil.copy(EXAMPLE / name, tmp_path)
    build_image(tmp_path)
    for cloud in a_local_cloud("sandbox"):
        check_run(cloud, tmp_path)


def check_run(cloud: LocalCloudProcess, folder: Path) -> None:
    deploy_example(cloud, folder)
    s3 = cloud.client("s3")
    s3.put_object(Bucket="my-mpi", Key="steps/a.txt", Body=b"3000000\n")

    # Not the end of the run: MPICH 4.0.2 often hangs in MPI_Finalize (see the example's README).
    result = "3 processes, 3000000 steps: pi is 3.141592654"
    until(lambda: result in cloud.log("mpi-pi"))
