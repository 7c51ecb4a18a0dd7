"""The configuration, job and log services over one folder; also a program that can be killed.

Jobs execute the variable WHAT: exit CODE (or exit index, of a child of an array), sleep
(or sleep once, in the first attempt only), hog, env.
"""

from __future__ import annotations

import functools
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from scar.local.batch.app import BatchApp
from scar.local.batch.change_guard import BatchChangeGuard
from scar.local.batch.service import BatchService, BatchServiceSettings
from scar.local.conditions.draws import Draws
from scar.local.conditions.sandboxes import UnreliableEngine
from scar.local.engines.port import EngineError, LocalImage, LocalLayer
from scar.local.engines.process import ProcessEngine
from scar.local.http.auth import Authenticator
from scar.local.http.router import Route, Router
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.logs.service import LogsService
from scar.local.logs.store import LogStore
from scar.local.moto.service import MotoService
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.engines.port import GpuDevice
    from scar.local.http.messages import HttpApp

ACCOUNT = "123456789012"
KEY = "AKIALOCALLOCALLOCAL0"
SECRET = b"s" * 32
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/scar/f@sha256:{'a' * 64}"
JOB = """
import os, signal, sys, time
what, _, code = os.environ.get("WHAT", "exit 0").partition(" ")
if what == "exit" and code == "index":
    code = os.environ["AWS_BATCH_JOB_ARRAY_INDEX"]
if code == "once":
    what, code = what if os.environ["AWS_BATCH_JOB_ATTEMPT"] == "1" else "exit", "0"
print("hello from attempt", os.environ["AWS_BATCH_JOB_ATTEMPT"], flush=True)
if what == "env":
    for name in sorted(os.environ):
        print(name + "=" + os.environ[name])
if what == "sleep":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    for _ in range(6000):  # a signal just before a sleep is handled after it
        time.sleep(0.1)
if what == "hog":
    hog = bytearray(b"x") * (200 << 20)
    time.sleep(300)
sys.exit(int(code or 0))
"""


class BatchImageResolver:
    def __init__(self, folder: Path) -> None:
        path = folder / "layer.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo("opt/scar/function/function.json")
            member.size = 2
            archive.addfile(member, io.BytesIO(b"{}"))
        layer = LocalLayer(path=path, digest="sha256:layer", diff_id="sha256:layer")
        self._image = LocalImage(
            reference="scar/f",
            digest="sha256:" + "a" * 64,
            config_digest="sha256:config",
            config=folder / "config",
            layers=(layer,),
            entrypoint=("/opt/scar/launch",),
            environment={"PATH": "/usr/bin:/bin"},
        )

    def resolve(self, image_uri: str, /) -> LocalImage:
        if image_uri != IMAGE:
            raise EngineError(f"The image {image_uri} is not there.", remedy="Push it.")
        return self._image


class BatchCloud:
    """All services that jobs need, over one folder."""

    def __init__(
        self, folder: Path, places: int = 4, chaos: str = "", gpus: tuple[GpuDevice, ...] = ()
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.moto = MotoService(
            folder / "moto",
            account=ACCOUNT,
            registry=lambda: ("http://127.0.0.1:1", "pass"),
        )
        groups = self.moto.log_groups
        self.logs = LogStore(
            folder / "logs", ensure_group=groups.ensure, retention=groups.retention_days
        )
        self.engine = ProcessEngine(
            folder / "engine", command=(sys.executable, "-I", "-S", "-c", JOB)
        )
        self.batch = BatchService(
            folder / "batch",
            registry=self.moto.batch,
            images=BatchImageResolver(folder),
            engine=UnreliableEngine(self.engine, Draws(chaos)) if chaos else self.engine,
            logs=self.logs,
            credentials=lambda _: Credentials(access_key="k", secret_key="s", token="t"),
            settings=BatchServiceSettings(endpoint_url="http://127.0.0.1:1", slots=places),
            gpus=gpus,
        )
        guard = BatchChangeGuard(self.moto.batch, self.batch)
        self.moto.add_guard(guard.check_change)
        self.moto.add_change_listener(guard.on_change)
        apps: dict[Route, HttpApp] = dict.fromkeys(Route, self.moto)
        apps |= {
            Route.BATCH: BatchApp(self.batch, self.moto.batch),
            Route.LOGS: LogsService(self.logs, group_exists=groups.exists),
        }
        self.server = HttpServer(Router(apps, Authenticator(SECRET)))
        self.batch.start()
        self.endpoint = f"http://127.0.0.1:{self.server.start()}"

    def stop(self) -> None:
        self.server.close(0.2)
        self.batch.close()
        self.engine.close()
        self.logs.close()
        self.moto.close()


@functools.cache
def _session() -> boto3.Session:
    """One for all tests: reading the services' models costs more than most tests."""
    return boto3.Session(
        aws_access_key_id=KEY,
        aws_secret_access_key=derive_secret_key(SECRET, KEY),
        region_name="us-east-1",
    )


class Customer:
    """Uses a cloud through boto3."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self.batch = self.client("batch")

    def client(self, service: str) -> Any:  # noqa: ANN401 - one client type per service
        if service not in self._clients:
            self._clients[service] = _session().client(  # type: ignore[call-overload]
                service, endpoint_url=self._endpoint
            )
        return self._clients[service]

    def set_up(self, retry: dict[str, Any] | None = None) -> None:
        """Create the queue ``queue`` with four vCPUs and the definition ``fun``."""
        self.make_queue("queue", max_vcpus=4)
        self.define(retry=retry)

    def make_queue(self, name: str = "", max_vcpus: int = 2, types: str = "default_x86_64") -> str:
        name = name or f"queue-{uuid.uuid4().hex[:8]}"
        ec2 = self.client("ec2")
        self.batch.create_compute_environment(
            computeEnvironmentName=f"env-of-{name}",
            type="MANAGED",
            computeResources={
                "type": "EC2",
                "minvCpus": 0,
                "maxvCpus": max_vcpus,
                "instanceTypes": [types],
                "instanceRole": "ecsInstanceRole",
                "subnets": [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]],
                "securityGroupIds": [
                    g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]
                ],
            },
        )
        order = [{"order": 1, "computeEnvironment": f"env-of-{name}"}]
        self.batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order)
        return name

    def end_all(self) -> None:
        """End the jobs of all queues."""
        for queue in self.batch.describe_job_queues()["jobQueues"]:
            for status in ("PENDING", "RUNNABLE", "STARTING", "RUNNING"):
                jobs = self.batch.list_jobs(jobQueue=queue["jobQueueName"], jobStatus=status)
                for job in jobs["jobSummaryList"]:
                    self.batch.terminate_job(jobId=job["jobId"], reason="the test is over")

    def define(
        self, name: str = "fun", image: str = IMAGE, retry: dict[str, Any] | None = None
    ) -> None:
        self.batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={
                "image": image,
                "resourceRequirements": [
                    {"type": "VCPU", "value": "1"},
                    {"type": "MEMORY", "value": "64"},
                ],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": "/aws/batch/fun"},
                },
            },
            retryStrategy=retry or {"attempts": 1},
            timeout={"attemptDurationSeconds": 600},
        )

    def submit(self, what: str = "exit 0", **more: Any) -> str:  # noqa: ANN401 - as boto3
        overrides = {
            "environment": [{"name": "WHAT", "value": what}],
            **more.pop("containerOverrides", {}),
        }
        job = self.batch.submit_job(
            **{
                "jobName": "job",
                "jobQueue": "queue",
                "jobDefinition": "fun",
                "containerOverrides": overrides,
                **more,
            }
        )
        return str(job["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.batch.describe_jobs(jobs=[job_id])["jobs"][0]
        return found

    def until(
        self, job_id: str, fits: Callable[[dict[str, Any]], bool], seconds: float = 300
    ) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            # The children of an array exist some time after SubmitJob.
            found = self.batch.describe_jobs(jobs=[job_id])["jobs"]
            if found and fits(found[0]):
                return dict(found[0])
            assert time.monotonic() < end, found
            time.sleep(0.02)

    def ended(self, job_id: str) -> dict[str, Any]:
        return self.until(job_id, lambda job: job["status"] in ("SUCCEEDED", "FAILED"))

    def running(self, job_id: str) -> dict[str, Any]:
        """Wait until the job's own program has started."""
        found = self.until(job_id, lambda job: job["status"] == "RUNNING")
        end = time.monotonic() + 300
        while "hello" not in self.log(found["container"]["logStreamName"]):
            assert time.monotonic() < end
            time.sleep(0.05)
        return found

    def log(self, stream: str) -> str:
        logs = self.client("logs")
        try:
            found = logs.get_log_events(
                logGroupName="/aws/batch/fun", logStreamName=stream, startFromHead=True
            )
        except logs.exceptions.ResourceNotFoundException:
            return ""
        return "".join(event["message"] for event in found["events"])


class Killable:
    """A cloud in its own process."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.functional.local.batch.batch_server", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[4],
        )
        assert self.process.stdout is not None
        self.customer = Customer(json.loads(self.process.stdout.readline())["endpoint"])

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> None:
        self.process.communicate(b"")


if __name__ == "__main__":
    cloud = BatchCloud(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"endpoint": cloud.endpoint}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    cloud.stop()
