"""The process of a cluster's job: dask's own scheduler and worker, from the user's image."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import ClusterJobFailed, ConfigError
from supervisor.execution.staging import local_ip_address
from supervisor.script_status import describe_script_status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supervisor.runs.cluster_record import ClusterSpec

# dask serves its state over HTTP, also without a dashboard, with neither encryption nor a password.
_HTTP = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
_INSTALL = "Add it to the function's image: `pip install distributed`."


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The paths of the certificate authority, the certificate and its private key.

    ``folder`` is the run's own: all of them are in it.
    """

    folder: str
    authority: str
    certificate: str
    key: str

    @property
    def arguments(self) -> tuple[str, ...]:
        named = {
            "--tls-ca-file": self.authority,
            "--tls-cert": self.certificate,
            "--tls-key": self.key,
        }
        return tuple(text for pair in named.items() for text in pair)


def write_tls_files(folder: Path, spec: ClusterSpec) -> TlsFiles:
    """Write the TLS material into a run's folder, which becomes the script's user's own."""
    texts = {"ca.pem": spec.authority, "cert.pem": spec.certificate, "key.pem": spec.key}
    for name, text in texts.items():
        descriptor = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    authority, certificate, key = (str(folder / name) for name in texts)
    return TlsFiles(folder=str(folder), authority=authority, certificate=certificate, key=key)


def find_python(environment: Mapping[str, str]) -> str:
    """Return the image's Python, the first in the script's PATH; raise ConfigError."""
    path = environment.get("PATH", os.defpath)
    found = shutil.which("python3", path=path) or shutil.which("python", path=path)
    if found is None:
        raise ConfigError(
            f"There is no Python in the image: neither python3 nor python is in PATH ({path}).",
            remedy="Clusters need an image with Python and dask: `pip install distributed`.",
        )
    return found


def choose_address() -> str:
    """Return the address at which the scheduler will listen, on a free port of this machine.

    On EC2 jobs use the network of their instance, and several schedulers may share one.
    """
    host = local_ip_address()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return f"tls://{host}:{probe.getsockname()[1]}"


def scheduler_command(
    python: str, address: str, spec: ClusterSpec, tls: TlsFiles
) -> tuple[str, ...]:
    """Return the command line of the scheduler that listens at the address."""
    host, _, port = address.removeprefix("tls://").rpartition(":")
    idle = ("--idle-timeout", f"{spec.idle_timeout}s") if spec.idle_timeout else ()
    return (
        *(python, "-m", "distributed.cli.dask_scheduler"),
        *("--protocol", "tls", "--host", host, "--port", port, *_HTTP),
        *idle,
        *tls.arguments,
    )


def worker_command(
    python: str, address: str, name: str, spec: ClusterSpec, tls: TlsFiles
) -> tuple[str, ...]:
    """Return the command line of a worker: one process, which ends with its scheduler.

    Without a nanny: Batch observes the process and limits its memory.
    """
    memory = ("--memory-limit", f"{spec.memory}MiB") if spec.memory else ()
    return (
        *(python, "-m", "distributed.cli.dask_worker", address, "--name", name),
        *("--nworkers", "1", "--nthreads", str(spec.threads), "--no-nanny", *_HTTP),
        *("--death-timeout", f"{spec.death_timeout}s", "--local-directory", tls.folder),
        *memory,
        *tls.arguments,
    )


def describe_failure(
    status: int, output: bytes, address: str, spec: ClusterSpec
) -> ClusterJobFailed:
    """Return the error for a process that ended with a status other than 0."""
    if b"No module named" in output and (b"distributed" in output or b"dask" in output):
        return ClusterJobFailed("The image has no dask.distributed.", remedy=_INSTALL)
    if b"start timed out after" in output or b"Timed out starting worker" in output:
        return ClusterJobFailed(
            f"The worker did not reach the scheduler at {address} within {spec.death_timeout} s.",
            remedy="If the scheduler has not ended, check that this job can open connections to"
            " it: the same VPC or a VPN, and a security group that allows them.",
        )
    problem, remedy = describe_script_status(status)
    return ClusterJobFailed(problem.replace("The script", "The process of dask", 1), remedy=remedy)


def scheduler_missing(seconds: float) -> ClusterJobFailed:
    """Return the error of a worker whose scheduler's job has not started."""
    return ClusterJobFailed(
        f"The scheduler's job has not started within {seconds:.0f} s.",
        remedy="`scar cluster ls` shows its state and the reason.",
    )
