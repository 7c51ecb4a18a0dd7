"""The ``docker`` engine: containers of a Docker or Podman socket on this machine.

Containers use the host's network, because the local cloud listens on its loopback interface. /tmp
of a Lambda sandbox is a tmpfs, which the kernel counts as memory: its size is added to the
kernel's memory limit, and the memory of the processes is monitored in addition.
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
from scar.local.engines.docker_storage import add_storage
from scar.local.engines.limits_monitor import LimitsMonitor
from scar.local.engines.port import (
    LAMBDA_OPEN_FILES,
    PROCESS_LIMITS,
    EngineError,
    EngineGuarantees,
    SandboxProfile,
)
from scar.local.processes import parent_pid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from socket import SocketIO

    from scar.local.engines.port import LocalImage, SandboxSpec

LABEL = "scar.local"
LAMBDA_USER = "993:990"
CALL_SECONDS = 120
LOAD_SECONDS = 1800
UNLIMITED: Any = None  # no timeout in requests; the SDK's type does not allow None

GUARANTEES = EngineGuarantees(
    filesystem=True,
    storage=True,
    user=True,
    tmp_size=True,
    memory="kernel",
    vcpus=True,
    notes=(
        "Containers use this machine's network.",
        (
            "In Lambda, memory is checked 20 times a second; the kernel's own limit is higher by "
            "the size of /tmp."
        ),
        "vCPUs are limited in Batch; a Lambda sandbox may use whole CPUs.",
    ),
)


def socket_urls(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sockets to try: DOCKER_HOST alone if set, else the usual ones."""
    if chosen := environment.get("DOCKER_HOST"):
        return (chosen,)
    runtime = environment.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    paths = ("/var/run/docker.sock", f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock")
    return tuple(f"unix://{path}" for path in (*paths, "/run/podman/podman.sock"))


def find_socket(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return (URL, "") of the first socket that responds, or ("", why none does)."""
    problems = []
    for url in socket_urls(environment):
        if not url.startswith("unix://"):
            problems.append(f"{url}: only a Unix socket on this machine is supported")
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
    """Containers of one socket; an Engine. ``folder`` identifies this engine's containers."""

    name = "docker"

    def __init__(self, folder: Path, url: str) -> None:
        self._client = docker.APIClient(base_url=url, timeout=CALL_SECONDS, max_pool_size=256)
        # Attached streams and waits last as long as the sandbox, so the socket has no timeout.
        self._stream_client = docker.APIClient(base_url=url, timeout=UNLIMITED, max_pool_size=256)
        self._load_client = docker.APIClient(base_url=url, timeout=LOAD_SECONDS)
        # A label of every container: a new server with the same folder finds those of a killed one,
        # and never touches those of another local cloud.
        self._owner = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
        self._monitor = LimitsMonitor()
        self._load_lock = threading.Lock()
        self._remove_leftovers()

    @property
    def guarantees(self) -> EngineGuarantees:
        return GUARANTEES

    def prepare(self, image: LocalImage) -> None:
        """Load the image into Docker's store if it is missing; may be called twice."""
        with self._load_lock, translate_docker_errors(f"Cannot load image {image.reference}"):
            with contextlib.suppress(docker.errors.ImageNotFound):
                self._client.inspect_image(image.config_digest)  # type: ignore[no-untyped-call]
                return
            # Docker looks images up by the digest of their config. The tag only keeps them from
            # being removed as dangling.
            tag = f"scar.local/{image.config_digest.partition(':')[2][:24]}:latest"
            archive = stream_archive(image, tag)
            for progress in self._load_client.load_image(archive):  # type: ignore[no-untyped-call]
                if "error" in progress:
                    raise EngineError(
                        f"Cannot load image {image.reference}: {progress['error']}",
                        remedy="Check the disk space of the container engine.",
                    )

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> DockerContainer:
        """Start the image's entrypoint; raise EngineError if Docker refuses."""
        self.prepare(spec.image)
        with translate_docker_errors(f"Cannot start a container for {spec.name}"):
            created = self._client.create_container_from_config(  # type: ignore[no-untyped-call]
                self._container_config(spec), f"scar-{self._owner[:8]}-{uuid.uuid4().hex[:12]}"
            )
            container_id = created["Id"]
            stream: SocketIO | None = None
            try:
                # Attached before the start, so that no output is lost: with the log driver "none"
                # Docker stores nothing.
                stream = self._stream_client.attach_socket(
                    container_id, params={"stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
                )
                self._client.start(container_id)
                main = self._client.inspect_container(container_id)["State"]["Pid"]
            except BaseException:
                with contextlib.suppress(*DOCKER_ERRORS):
                    self._client.remove_container(container_id, force=True, v=True)
                if stream is not None:
                    close_stream(stream)
                raise
        return DockerContainer(
            spec=spec,
            container_id=container_id,
            clients=(self._client, self._stream_client),
            stream=stream,
            output=output,
            # The container's shim, which has no other children: processes that the main process
            # leaves behind are counted too.
            monitor=(self._monitor, parent_pid(main)),
        )

    def close(self) -> None:
        """Remove all containers of this folder, also orphaned ones of a killed server."""
        self._monitor.close()
        self._remove_leftovers()
        for client in (self._client, self._stream_client, self._load_client):
            client.close()

    def _container_config(self, spec: SandboxSpec) -> dict[str, object]:
        """Return the body of Docker's ContainerCreate request."""
        is_lambda = spec.profile is SandboxProfile.LAMBDA
        memory = (spec.memory_mb + (spec.tmp_mb if is_lambda else 0)) << 20
        host: dict[str, object] = {
            "NetworkMode": "host",
            "Memory": memory,
            "MemorySwap": memory,  # no swap
            "LogConfig": {"Type": "none"},  # the output is read from the attached stream alone
            "PidsLimit": PROCESS_LIMITS[spec.profile],
        }
        if is_lambda:
            host |= {
                "ReadonlyRootfs": True,
                "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={spec.tmp_mb}m,mode=1777"},  # noqa: S108
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "IpcMode": "none",  # no /dev/shm
                "Ulimits": [
                    {"Name": "nofile", "Soft": LAMBDA_OPEN_FILES, "Hard": LAMBDA_OPEN_FILES}
                ],
            }
        else:
            host["NanoCpus"] = int(min(spec.vcpus, os.cpu_count() or 1) * 1e9)
        add_storage(host, spec.storage)
        if spec.gpus:
            ids = [gpu.id for gpu in spec.gpus]
            host["DeviceRequests"] = [{"DeviceIDs": ids, "Capabilities": [["gpu"]]}]
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
        with translate_docker_errors("Cannot remove the containers of an earlier local cloud"):
            containers = self._client.containers(
                all=True, filters={"label": f"{LABEL}={self._owner}"}, quiet=True
            )
            for container in containers:
                with contextlib.suppress(docker.errors.NotFound):
                    self._client.remove_container(container["Id"], force=True, v=True)
