"""Shared by the benchmarks of the local cloud: a new cloud, a function, clients."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from bench.kit.commands import Command, output_of, plain_environment
from bench.kit.interrupts import undivided
from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.layer import LayerFile, LayerSymlink
from scar.local.control import LocalCloudControl
from scar.local.home import LocalCloudHome
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client

    from scar.image.formats.layer import LayerEntry

ROOT = Path(__file__).parent.parent
SCRIPT = """\
#!/usr/bin/python3
import os, shutil
shutil.copy(os.environ["INPUT_FILE_PATH"], os.environ["TMP_OUTPUT_DIR"])
"""
FDL = """\
functions:
  aws:
  - lambda:
      name: {name}
      execution_mode: {mode}
      init_script: to_output.py
      container: {{image_file: image.tar}}
      input: [{{storage_provider: s3, path: bench/{name}-in}}]
      output: [{{storage_provider: s3, path: bench/{name}-out}}]
"""


@dataclass(frozen=True, slots=True)
class BenchCloud:
    """A running local cloud with one bucket, ``bench``."""

    folder: Path
    environment: Mapping[str, str]
    s3: S3Client
    logs: CloudWatchLogsClient

    def scar(self, *arguments: str) -> str:
        """Run the command line as a user would; raise CommandFailedError if it fails."""
        return output_of(
            Command(
                arguments=(sys.executable, "-m", "scar.cli.main", "--local", *arguments),
                environment=self.environment,
                folder=self.folder,
            )
        )

    def client_environment(self) -> dict[str, str]:
        """Return the environment in which AWS's own tools use this cloud."""
        lines = self.scar("local", "env").splitlines()
        found = (line.removeprefix("export ").partition("=") for line in lines if "=" in line)
        return plain_environment(**{name: shlex.split(value)[0] for name, _, value in found})

    def copy_function(self, name: str, mode: str, script: str = SCRIPT) -> None:
        """Create a function that copies its input, from ``bench/<name>-in`` to ``…-out``."""
        (self.folder / "to_output.py").write_text(script)
        (self.folder / "f.yaml").write_text(FDL.format(name=name, mode=mode))
        self.scar("init", "-f", "f.yaml")

    def wait_for(self, key: str, since: float, limit: float = 60.0) -> float:
        """Return the seconds from ``since`` until the object exists; raise TimeoutError."""
        while time.perf_counter() - since < limit:
            page = self.s3.list_objects_v2(Bucket="bench", Prefix=key, MaxKeys=1)
            if page.get("KeyCount"):
                return time.perf_counter() - since
            time.sleep(0.002)
        raise TimeoutError(key)


@contextmanager
def bench(engine: str, chaos: str = "") -> Iterator[BenchCloud]:
    """Start a new local cloud with this engine; stop and delete it afterwards.

    ``chaos`` is the seed of its conditions, empty for none.
    """
    folder = Path(tempfile.mkdtemp(prefix="scar-bench-"))
    home = folder / "cloud"
    environment = {
        **plain_environment(),
        "SCAR_LOCAL_HOME": str(home),
        "SCAR_LOCAL_ENGINE": engine,
        "PYTHONPATH": str(ROOT),
    }
    control = LocalCloudControl(LocalCloudHome(home), environment)
    try:
        image = [sys.executable, "-m", "scar.image.demo", str(folder / "image.tar")]
        output_of(Command(arguments=tuple(image), environment=environment))
        with undivided():
            cloud = control.ensure_started(chaos=chaos)
        session = boto3.Session(cloud.access_key, cloud.secret_key, region_name=cloud.region)
        s3 = session.client(
            "s3",
            endpoint_url=cloud.endpoint_url,
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=64),
        )
        logs = session.client("logs", endpoint_url=cloud.endpoint_url)
        yield BenchCloud(folder, environment, s3, logs)
    finally:
        with undivided():
            control.stop()
            shutil.rmtree(folder, ignore_errors=True)


def write_busybox_image(path: Path) -> None:
    """Write an image of this machine's busybox: scripts start with ``#!/bin/sh`` and use ``cp``."""
    tree: dict[str, LayerEntry] = {
        "bin/busybox": LayerFile(Path("/bin/busybox").read_bytes(), 0o755),
        "bin/sh": LayerSymlink("busybox"),
        "bin/cp": LayerSymlink("busybox"),
    }
    run = ImageDefaults(environment={"PATH": "/bin"})
    write_docker_archive(path, "busybox:1", [tree], run)


def engines() -> list[str]:
    """Return the engines that are available on this machine."""
    from scar.local.engines.docker import find_socket
    from scar.local.engines.sandbox_support import find_support

    available = ["process"]
    with tempfile.TemporaryDirectory() as folder:
        if not find_support(Path(folder)).reason:
            available.append("sandbox")
    if find_socket(os.environ)[0]:
        available.append("docker")
    return available
