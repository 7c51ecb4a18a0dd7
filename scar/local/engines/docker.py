"""The ``docker`` engine: containers of a Docker or Podman socket on this machine.

Containers share the machine's network, because that is where the local cloud listens. /tmp of
a Lambda sandbox is a tmpfs, which the kernel counts as memory: its size is added to the
kernel's limit, and the script's own memory is watched besides.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import uuid
from typing import TYPE_CHECKING, Any

import docker
import docker.errors

from scar.local.engines.docker_archive import stream_archive
from scar.local.engines.docker_container import (
    DOCKER_ERRORS,
    DockerContainer,
    close_stream,
    translate_docker_errors,
)
from scar.local.engines.limits_monitor import LimitsMonitor
from scar.local.engines.port import EngineError, EngineGuarantees, SandboxProfile
from scar.local.processes import parent_pid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from socket import SocketIO

    from scar.local.engines.port import LocalImage, SandboxSpec

LABEL = "scar.local"
LAMBDA_USER = "993:990"
PIDS_LIMIT = 1024  # Lambda's limit on processes and threads of a sandbox
CALL_SECONDS = 120
LOAD_SECONDS = 1800
UNLIMITED: Any = None  # what requests calls no time-out; the SDK's type leaves it out

GUARANTEES = EngineGuarantees(
    filesystem=True,
    user=True,
    tmp_size=True,
    memory="kernel",
    vcpus=True,
    notes=(
        "The network is this machine's.",
        (
            "In Lambda, memory beyond the limit is looked for 20 times a second; the kernel's own "
            "limit stands higher by the size of /tmp."
        ),
        "vCPUs are limited in Batch; a Lambda sandbox may use whole CPUs.",
    ),
)


def socket_urls(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return where a container engine may listen, the user's choice first."""
    if chosen := environment.get("DOCKER_HOST"):
        return (chosen,)
    runtime = environment.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    found = ("/var/run/docker.sock", f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock")
    return tuple(f"unix://{path}" for path in (*found, "/run/podman/podman.sock"))


def find_socket(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return (socket, "") of the first engine that answers, or ("", why none does)."""
    problems = []
    for url in socket_urls(environment):
        if not url.startswith("unix://"):
            problems.append(f"{url}: only an engine on this machine can be used")
            continue
        if not os.path.exists(url.removeprefix("unix://")):  # noqa: PTH110
            problems.append(f"{url}: no such socket")
            continue
        try:
            client = docker.APIClient(base_url=url, timeout=5)
            try:
                client.ping()
            finally:
                client.close()
        except DOCKER_ERRORS as error:
            problems.append(f"{url}: {error}")
        else:
            return url, ""
    return "", "; ".join(problems)


class DockerEngine:
    """Containers of one socket; an Engine. ``folder`` names whose containers are ours."""

    name = "docker"

    def __init__(self, folder: Path, url: str) -> None:
        self._client = docker.APIClient(base_url=url, timeout=CALL_SECONDS, max_pool_size=256)
        # Attached streams and waits last as long as the sandbox: no time-out on the socket.
        self._stream_client = docker.APIClient(base_url=url, timeout=UNLIMITED, max_pool_size=256)
        self._load_client = docker.APIClient(base_url=url, timeout=LOAD_SECONDS)
        self._owner = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
        self._monitor = LimitsMonitor()
        self._load_lock = threading.Lock()
        self._remove_leftovers()

    @property
    def guarantees(self) -> EngineGuarantees:
        return GUARANTEES

    def prepare(self, image: LocalImage) -> None:
        """Load the image into Docker's store unless it is there; may be called twice."""
        with self._load_lock, translate_docker_errors(f"Image {image.reference} cannot be loaded"):
            with contextlib.suppress(docker.errors.ImageNotFound):
                self._client.inspect_image(image.config_digest)  # type: ignore[no-untyped-call]
                return
            tag = f"scar.local/{image.config_digest.partition(':')[2][:24]}:latest"
            sent = stream_archive(image, tag)
            for progress in self._load_client.load_image(sent):  # type: ignore[no-untyped-call]
                if "error" in progress:
                    raise EngineError(
                        f"Image {image.reference} cannot be loaded: {progress['error']}",
                        remedy="Check the disk space of the container engine.",
                    )

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> DockerContainer:
        """Start the image's entrypoint; raise EngineError if Docker refuses."""
        self.prepare(spec.image)
        with translate_docker_errors(f"No container can be started for {spec.name}"):
            created = self._client.create_container_from_config(  # type: ignore[no-untyped-call]
                self._container_config(spec), f"scar-{self._owner[:8]}-{uuid.uuid4().hex[:12]}"
            )
            identity = created["Id"]
            stream: SocketIO | None = None
            try:
                # Attached before it starts, so that no output is missed.
                stream = self._stream_client.attach_socket(
                    identity, params={"stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
                )
                self._client.start(identity)
                main = self._client.inspect_container(identity)["State"]["Pid"]
            except BaseException:
                with contextlib.suppress(*DOCKER_ERRORS):
                    self._client.remove_container(identity, force=True, v=True)
                if stream is not None:
                    close_stream(stream)
                raise
        return DockerContainer(
            spec=spec,
            container_id=identity,
            clients=(self._client, self._stream_client),
            stream=stream,
            output=output,
            monitor=(self._monitor, parent_pid(main)),  # which has no other children
        )

    def close(self) -> None:
        """Remove all containers of this folder, also a killed server's."""
        self._monitor.close()
        self._remove_leftovers()
        for client in (self._client, self._stream_client, self._load_client):
            client.close()

    def _container_config(self, spec: SandboxSpec) -> dict[str, object]:
        """Return the body of Docker's ContainerCreate; the SDK's wrapper lacks none of it."""
        is_lambda = spec.profile is SandboxProfile.LAMBDA
        memory = (spec.memory_mb + (spec.tmp_mb if is_lambda else 0)) << 20
        host: dict[str, object] = {
            "NetworkMode": "host",
            "Memory": memory,
            "MemorySwap": memory,  # no swap
            "LogConfig": {"Type": "none"},
            "PidsLimit": PIDS_LIMIT,
        }
        if is_lambda:
            host |= {
                "ReadonlyRootfs": True,
                "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={spec.tmp_mb}m,mode=1777"},  # noqa: S108
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "IpcMode": "none",  # no /dev/shm
            }
        else:
            host["NanoCpus"] = int(min(spec.vcpus, os.cpu_count() or 1) * 1e9)
        return {
            "Image": spec.image.config_digest,
            "Entrypoint": list(spec.image.entrypoint),
            "Cmd": [],
            "Env": [f"{name}={value}" for name, value in spec.environment.items()],
            "User": LAMBDA_USER if is_lambda else "0:0",
            "Labels": {LABEL: self._owner},
            "AttachStdout": True,
            "AttachStderr": True,
            "HostConfig": host,
        }

    def _remove_leftovers(self) -> None:
        with translate_docker_errors("Containers of an earlier local cloud cannot be removed"):
            found = self._client.containers(
                all=True, filters={"label": f"{LABEL}={self._owner}"}, quiet=True
            )
            for container in found:
                with contextlib.suppress(docker.errors.NotFound):
                    self._client.remove_container(container["Id"], force=True, v=True)
