"""A local cloud in its own process, with functions deployed as ``scar init`` does.

Its functions run their input file as a shell script, so that many tests share one deployment.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3

from scar.aws.client.connection import AwsConnection
from scar.aws.compile.from_fdl import functions_of
from scar.aws.deploy import deploy
from scar.aws.images.image_builder import FunctionImageBuilder
from scar.errors import ConfigurationError
from scar.fdl.loader import load_document
from scar.image.compose.supervisor_bundle import find_bundle
from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerEntry, LayerFile, LayerSymlink
from scar.local.control import LocalCloudControl
from scar.local.home import LocalCloudHome
from supervisor.invocation import ObjectEvent
from supervisor.model import ImageDefaults, ObjectRef, VersionPin
from supervisor.runs.record_format import input_id
from tests.conformance.engine_harness import unavailable
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scar.aws.model.plan import Plan

ROOT = Path(__file__).parent.parent.parent
ACCOUNT = "123456789012"
STATE = f"scar-{ACCOUNT}-us-east-1"
BUCKET = "data"
RUN_INPUT = '#!/bin/sh\n. "$INPUT_FILE_PATH"\n'


def busybox_tree(program: bytes = b"") -> dict[str, LayerEntry]:
    """Return a root file system of busybox (default: this machine's) and links to it."""
    binary = Path("/bin/busybox")
    if not binary.is_file():
        unavailable("/bin/busybox is not installed (package busybox-static)")
    applets = subprocess.run([binary, "--list"], stdout=subprocess.PIPE, check=True, text=True)
    links: dict[str, LayerEntry] = {
        f"bin/{name}": LayerSymlink("busybox") for name in applets.stdout.split()
    }
    users = "root:x:0:0:root:/root:/bin/sh\nworker:x:1234:1235::/home:/bin/sh\n"
    return {
        **links,
        "bin/busybox": LayerFile(program or binary.read_bytes(), 0o755),
        "etc/passwd": LayerFile(users.encode()),
    }


def function(
    name: str,
    *,
    image: str = "image.tar",
    script: str = "run_input.sh",
    **more: Any,  # noqa: ANN401 - FDL's keys
) -> dict[str, Any]:
    """Return a function of an FDL file with input ``in/<name>`` and output ``out/<name>``."""
    batch, container = more.pop("batch", {}), more.pop("container", {})
    described: dict[str, Any] = {
        "name": name,
        "memory": 256,
        "timeout": 120,
        "container": {"image_file": image, "timeout_threshold": 2, **container},
        "input": [{"path": f"{BUCKET}/in/{name}"}],
        "output": [{"path": f"{BUCKET}/out/{name}"}],
        **({"init_script": script} if script else {}),
        **more,
    }
    return {"lambda": described, **({"batch": batch} if batch else {})}


@dataclass(frozen=True, slots=True)
class SyncInvocationResult:
    """The result of a synchronous invocation; ``error`` is empty on success."""

    error: str
    payload: Mapping[str, Any]
    log: str

    @property
    def output(self) -> str:
        return base64.b64decode(self.payload["body"]).decode()


@dataclass(slots=True)
class LocalCloudProcess:
    """The folder of a local cloud, and the server that uses it."""

    folder: Path
    control: LocalCloudControl
    engine: str
    connection: AwsConnection

    @classmethod
    def start(cls, engine: str, chaos: str = "") -> Self:
        """Start a server with a new folder; ``chaos`` is the seed of its conditions."""
        # Before the server is started: without busybox the test is skipped here.
        tree = {"etc/nothing": LayerFile(b"")} if engine == "process" else busybox_tree()
        folder = Path(tempfile.mkdtemp(prefix="scar-", dir="/tmp"))
        folder.chmod(0o711)
        control = LocalCloudControl(LocalCloudHome(folder / "home"), environment(folder))
        cloud = cls(folder, control, engine, _connect(control, engine, chaos))
        image = ImageDefaults(environment={"PATH": "/usr/bin:/bin"})
        write_docker_archive(folder / "image.tar", "test:1", [tree], image)
        (folder / "run_input.sh").write_text(RUN_INPUT)
        return cloud

    @property
    def pid(self) -> int:
        running = self.control.home.running_server()
        assert running is not None
        return running.pid

    def client(self, service: Any) -> Any:  # noqa: ANN401 - one client type per service
        return self.connection.client(service)

    def deploy(self, *functions: Mapping[str, Any]) -> Plan:
        """Write an FDL file with the functions, and deploy it."""
        return deploy.init(
            functions_of(load_document(self.write(functions))),
            self.connection,
            lambda _: None,
            images=self.images(),
        )

    def write(self, functions: Sequence[Mapping[str, Any]]) -> Path:
        path = self.folder / f"{uuid.uuid4().hex[:8]}.yaml"
        path.write_text(json.dumps({"functions": {"aws": list(functions)}}, ensure_ascii=False))
        return path

    def images(self, bundle: Callable[[str], Path] = find_bundle) -> FunctionImageBuilder:
        return FunctionImageBuilder(
            connection=self.connection,
            find_bundle=bundle,
            cache=BlobCache(self.folder / "cache"),
            image_stores=[],
            report=lambda _: None,
        )

    def put(self, name: str, script: str, key: str = "") -> str:
        """Upload a script into a function's input folder; return its key."""
        key = f"in/{name}/{key or uuid.uuid4().hex}"
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=script.encode())
        return key

    def invoke(self, name: str, event: Mapping[str, Any] | str) -> SyncInvocationResult:
        """Invoke a function and wait; a string is a script to run instead of the function's."""
        payload = scripted(event) if isinstance(event, str) else event
        response = self.client("lambda").invoke(
            FunctionName=name, Payload=json.dumps(payload), LogType="Tail"
        )
        return SyncInvocationResult(
            response.get("FunctionError", ""),
            json.loads(response["Payload"].read()),
            base64.b64decode(response["LogResult"]).decode(errors="replace"),
        )

    def keys(self, prefix: str, bucket: str = BUCKET) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in found for item in page.get("Contents", [])]
        return [key for key in keys if not key.endswith("/")]

    def read(self, key: str, bucket: str = BUCKET) -> str:
        """Wait for an object; return its text."""
        until(lambda: key in self.keys(key, bucket))
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body.decode()

    def records(self, name: str, run: str) -> dict[str, Any]:
        """Return the records of the runs whose id begins with ``run``, by file name."""
        keys = (key for key in self.keys(f"runs/{name}/", STATE) if f"/{run}" in key)
        return {key.rpartition("/")[2]: json.loads(self.read(key, STATE)) for key in keys}

    def runs(self, name: str, key: str) -> set[str]:
        """Return the ids of all runs of a function on one object."""
        prefix = f"/{start_of_run(name, key)}"
        records = self.keys(f"runs/{name}/", STATE)
        return {record.split("/")[3] for record in records if prefix in record}

    def ended(self, name: str, key: str) -> dict[str, Any]:
        """Wait for the end of the run on an uploaded object; return its records."""

        def found() -> dict[str, Any]:
            records = self.records(name, start_of_run(name, key))
            return records if records.keys() & {"done.json", "error.json"} else {}

        return until(found)

    def jobs(self, name: str, key: str = "") -> list[dict[str, Any]]:
        """Return the descriptions of a function's jobs, or of those for one object."""
        batch = self.client("batch")
        pattern = f"{name}-{start_of_run(name, key) if key else ''}*"
        queues = [queue["jobQueueName"] for queue in batch.describe_job_queues()["jobQueues"]]
        filters = [{"name": "JOB_NAME", "values": [pattern]}]
        ids = [
            job["jobId"]
            for queue in queues
            for job in batch.list_jobs(jobQueue=queue, filters=filters)["jobSummaryList"]
        ]
        jobs: list[dict[str, Any]] = batch.describe_jobs(jobs=ids)["jobs"] if ids else []
        return jobs

    def job_ended(self, name: str, key: str) -> dict[str, Any]:
        """Wait until the only job for an object has ended; return its description."""

        def found() -> list[dict[str, Any]]:
            jobs = self.jobs(name, key)
            return [job for job in jobs if job["status"] in ("SUCCEEDED", "FAILED")]

        (job,) = until(found)
        return job

    def log(self, name: str, service: str = "batch") -> str:
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=f"/aws/{service}/{name}")
        return "".join(event["message"] for page in found for event in page["events"])

    def calls_left(self) -> int:
        """Return the number of queued and running invocations."""
        status: Any = self.control.status()
        return int(status["lambda"]["queued"]) + int(status["lambda"]["running"])

    def kill(self) -> None:
        """Kill the server with SIGKILL, as a power cut would."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.control.home.running_server() is None)

    def start_again(self) -> None:
        self.connection = _connect(self.control, self.engine)

    def close(self) -> None:
        self.control.stop()
        shutil.rmtree(self.folder)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of server and commands: no credentials, this code, ``folder``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SCAR_", "PYTEST"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "SCAR_LOCAL_HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


def a_local_cloud(
    engine: str, *functions: Mapping[str, Any], chaos: str = ""
) -> Iterator[LocalCloudProcess]:
    """Yield a local cloud with these functions, and stop it: the body of fixtures."""
    needs(engine)
    cloud = LocalCloudProcess.start(engine, chaos)
    try:
        if functions:
            cloud.deploy(*functions)
        yield cloud
    finally:
        cloud.close()


def needs(engine: str) -> None:
    """Skip the test, or fail in CI, if the engine or the supervisor bundle is missing."""
    try:
        find_bundle("amd64")
    except ConfigurationError as error:
        unavailable(error.problem)
    if engine == "docker":
        from scar.local.engines.docker import find_socket

        url, reason = find_socket(os.environ)
        if not url:
            unavailable(f"no container engine: {reason}")
    elif engine == "sandbox":
        from scar.local.engines.sandbox_support import find_support

        with tempfile.TemporaryDirectory() as folder:
            if reason := find_support(Path(folder)).reason:
                unavailable(f"no sandboxes here: {reason}")


def scripted(script: str, **more: str) -> dict[str, str]:
    """Return an event that runs this script."""
    encoded = base64.b64encode(f"#!/bin/sh\n{script}".encode()).decode()
    return {"script": encoded, "script_encoding": "base64", **more}


def s3_event(*objects: tuple[str, str, str]) -> dict[str, Any]:
    """Return an S3 event of objects, each as (encoded key, ETag, sequencer)."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-east-1",
                "eventTime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": BUCKET, "arn": f"arn:aws:s3:::{BUCKET}"},
                    "object": {"key": key, "size": 1, "eTag": etag, "sequencer": sequencer},
                },
            }
            for key, etag, sequencer in objects
        ]
    }


def start_of_run(name: str, key: str) -> str:
    """Return the common prefix of the ids of all runs of a function on an object."""
    source = ObjectRef("s3", BUCKET, key)
    return input_id(
        name, ObjectEvent(source=source, version=VersionPin(), sequencer="", time="", event="")
    )


def scar(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line against a folder's local cloud."""
    return subprocess.Popen(
        [sys.executable, "-m", "scar", "--local", *arguments],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _connect(control: LocalCloudControl, engine: str, chaos: str = "") -> AwsConnection:
    """Start the server with ``scar local start``, so that it is not a child of this process."""
    chosen = ["--engine", engine, *([f"--chaos={chaos}"] if chaos else [])]
    completed = subprocess.run(
        [sys.executable, "-m", "scar", "local", "start", *chosen],
        env=dict(control.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    cloud = control.ensure_started(engine)
    session = boto3.Session(cloud.access_key, cloud.secret_key, region_name=cloud.region)
    return AwsConnection(
        session=session, endpoint_url=cloud.endpoint_url, description=cloud.description
    )
