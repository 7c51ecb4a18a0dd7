"""Where the steps run: AWS, or the local cloud. They differ in connection settings only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3

from scar.aws.client.connection import client_config
from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.layer import LayerFile
from scar.local.control import LocalCloudControl
from scar.local.home import LocalCloudHome
from supervisor.model import ImageDefaults
from tests.acceptance.kit.recorder import CallRecorder
from tests.fakes.local_cloud import busybox_tree, needs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.control import LocalCloudEndpoint
    from tests.acceptance.kit.journal import Journal
    from tests.acceptance.kit.settings import Settings

ROOT = Path(__file__).parents[3]


class AcceptanceTarget(Protocol):
    """The account in which the steps run."""

    settings: Settings

    @property
    def region(self) -> str: ...

    def environment(self, role: str = "") -> dict[str, str]:
        """Return the environment of a command that runs as this role, or as the operator."""
        ...

    def credentials(self, role: str = "") -> dict[str, str]:
        """Return AWS's variables with the credentials of this role, or of the operator."""
        ...

    def client(self, service: str, region: str = "") -> Any:  # noqa: ANN401 - one type per service
        """Return an SDK client of the operator."""
        ...

    def container(self, architecture: str = "x86_64") -> dict[str, Any]:
        """Return the FDL's ``container`` with an image that has a POSIX shell."""
        ...

    def kill_host(self, job: Mapping[str, Any]) -> None:
        """End the host of a running Batch job on EC2 without warning."""
        ...

    def close(self) -> None: ...


def base_environment(journal: Journal) -> dict[str, str]:
    """Return an environment without the settings of the user's own scar."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SCAR_", "PYTEST", "COV_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "ACCEPTANCE_JOURNAL": str(journal.path),
        "XDG_CONFIG_HOME": str(journal.path.parent / "no-configuration"),
        "XDG_CACHE_HOME": str(journal.path.parent / "cache"),
    }


@dataclass(slots=True)
class LocalTarget:
    """A local cloud in the folder of the run; it outlives the process that starts it."""

    settings: Settings
    journal: Journal
    _endpoint: LocalCloudEndpoint | None = None
    _session: boto3.Session | None = None

    @property
    def region(self) -> str:
        return "us-east-1"

    @property
    def control(self) -> LocalCloudControl:
        return LocalCloudControl(LocalCloudHome(self._home), self.environment())

    @property
    def _home(self) -> Path:
        return self.settings.folder / "cloud"

    def environment(self, role: str = "") -> dict[str, str]:
        """Return the environment that selects this local cloud; it has no users."""
        del role
        kept = {k: v for k, v in base_environment(self.journal).items() if not k.startswith("AWS_")}
        return {
            **kept,
            "SCAR_LOCAL": "1",
            "SCAR_LOCAL_HOME": str(self._home),
            "SCAR_LOCAL_ENGINE": self.settings.engine,
        }

    def credentials(self, role: str = "") -> dict[str, str]:
        """Return the only key of the local cloud."""
        del role
        endpoint = self._start()
        return _variables(endpoint.access_key, endpoint.secret_key, "")

    def client(self, service: str, region: str = "") -> Any:  # noqa: ANN401 - one type per service
        endpoint = self._start()
        if self._session is None:
            self._session = boto3.Session(
                endpoint.access_key, endpoint.secret_key, region_name=self.region
            )
            CallRecorder(self.journal, "kit").attach(self._session)
        return self._session.client(  # type: ignore[call-overload]
            service,
            region_name=region or self.region,
            endpoint_url=endpoint.endpoint_url,
            config=client_config(),
        )

    def container(self, architecture: str = "x86_64") -> dict[str, Any]:
        """Return an archive with busybox; with the process engine this machine's shell is used."""
        path = self.settings.folder / "image.tar"
        if not path.exists():
            process = self.settings.engine == "process"
            tree = {"etc/nothing": LayerFile(b"")} if process else busybox_tree()
            image = ImageDefaults(environment={"PATH": "/usr/bin:/bin"})
            write_docker_archive(path, "acceptance:1", [tree], image)
        return {"image_file": str(path)}

    def kill_host(self, job: Mapping[str, Any]) -> None:
        """Kill the server, with it all jobs, and start it again."""
        del job
        running = LocalCloudHome(self._home).running_server()
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        while running.is_alive():
            time.sleep(0.05)
        self._endpoint = self._session = None
        self._start()

    def close(self) -> None:
        """Stop the server, if it was started."""
        self.control.stop()

    def _start(self) -> LocalCloudEndpoint:
        if self._endpoint is None:
            needs(self.settings.engine)
            # Started by a command, so that the server is not a child of this process.
            subprocess.run(
                [sys.executable, "-m", "scar", "local", "start"],
                env=self.environment(),
                check=True,
                capture_output=True,
            )
            self._endpoint = self.control.ensure_started()
        return self._endpoint


@dataclass(slots=True)
class AwsTarget:
    """The account of the operator's credentials, who must be an administrator of it."""

    settings: Settings
    journal: Journal
    _session: boto3.Session | None = None
    _roles: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)

    @property
    def region(self) -> str:
        return str(self._operator.region_name)

    @property
    def _operator(self) -> boto3.Session:
        if self._session is None:
            self._session = boto3.Session(
                profile_name=self.settings.profile or None,
                region_name=self.settings.region or None,
            )
            CallRecorder(self.journal, "kit").attach(self._session)
        return self._session

    def environment(self, role: str = "") -> dict[str, str]:
        """Return the environment with the role's temporary credentials, which are renewed."""
        kept = {
            k: v
            for k, v in base_environment(self.journal).items()
            if not k.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION", "AWS_PROFILE"))
        }
        return {**kept, "AWS_REGION": self.region, **self.credentials(role)}

    def client(self, service: str, region: str = "") -> Any:  # noqa: ANN401 - one type per service
        return self._operator.client(  # type: ignore[call-overload]
            service, region_name=region or self.region, config=client_config()
        )

    def container(self, architecture: str = "x86_64") -> dict[str, Any]:
        """Return the image of the settings, which must exist for both architectures."""
        return {"image": self.settings.image}

    def kill_host(self, job: Mapping[str, Any]) -> None:
        """Terminate the EC2 instance of the job."""
        queue = self.client("batch").describe_job_queues(jobQueues=[job["jobQueue"]])
        order = queue["jobQueues"][0]["computeEnvironmentOrder"]
        environments = self.client("batch").describe_compute_environments(
            computeEnvironments=[each["computeEnvironment"] for each in order]
        )["computeEnvironments"]
        arn = job["container"]["containerInstanceArn"]
        hosts = self.client("ecs").describe_container_instances(
            cluster=environments[0]["ecsClusterArn"], containerInstances=[arn]
        )["containerInstances"]
        instances = [host["ec2InstanceId"] for host in hosts]
        self.client("ec2").terminate_instances(InstanceIds=instances)

    def close(self) -> None:
        """Do nothing: the account stays."""

    def credentials(self, role: str = "") -> dict[str, str]:
        """Return the variables of a role's temporary credentials, or the operator's."""
        if not role:
            found = self._operator.get_credentials()
            assert found is not None, "no AWS credentials"
            frozen = found.get_frozen_credentials()
            return _variables(frozen.access_key or "", frozen.secret_key or "", frozen.token or "")
        expires, variables = self._roles.get(role, (0.0, {}))
        if time.time() > expires - 600:
            account = self.client("sts").get_caller_identity()
            partition = account["Arn"].split(":")[1]
            answer = self.client("sts").assume_role(
                RoleArn=f"arn:{partition}:iam::{account['Account']}:role/{role}",
                RoleSessionName=f"acceptance-{self.settings.run}",
            )["Credentials"]
            variables = _variables(
                answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
            )
            self._roles[role] = answer["Expiration"].timestamp(), variables
        return variables


def _variables(access_key: str, secret_key: str, token: str) -> dict[str, str]:
    found = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    return {**found, "AWS_SESSION_TOKEN": token} if token else found


def connect(settings: Settings, journal: Journal) -> AcceptanceTarget:
    """Return the target of the settings; it connects when it is first used."""
    return AwsTarget(settings, journal) if settings.is_aws else LocalTarget(settings, journal)
