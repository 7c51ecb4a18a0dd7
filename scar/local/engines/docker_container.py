"""One container of the ``docker`` engine, from its start to its removal."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import docker
import docker.errors
import requests.exceptions
from docker.utils.socket import frames_iter

from scar.local.engines.limits_monitor import TreeLimits
from scar.local.engines.port import EngineError, SandboxExit, SandboxProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import SocketIO

    from scar.local.engines.limits_monitor import LimitsMonitor, MonitoredTree
    from scar.local.engines.port import SandboxSpec

DOCKER_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException)

EXIT_SECONDS = 20.0  # that the end of a killed container may take
QUIET_SECONDS = 0.003  # without output, after which drain() expects no more


class DockerContainer:
    """One container; a Sandbox."""

    def __init__(
        self,
        *,
        spec: SandboxSpec,
        container_id: str,
        clients: tuple[docker.APIClient, docker.APIClient],
        stream: SocketIO,
        output: Callable[[bytes], None],
        monitor: tuple[LimitsMonitor, int],
    ) -> None:
        self._spec = spec
        self._container_id = container_id
        self._client, self._stream_client = clients
        self._stream = stream
        self._output = output
        self._monitor, shim = monitor
        self._monitored: MonitoredTree | None = None
        self._out_of_memory = False
        self._last_output_time = 0.0
        # Lambda only: the kernel's limit includes the tmpfs on /tmp, so it is too high for the
        # processes alone. In Batch the kernel's limit is exact.
        if shim and spec.profile is SandboxProfile.LAMBDA:
            limits = TreeLimits(memory_mb=spec.memory_mb)
            self._monitored = self._monitor.add(shim, limits, lambda _: self._on_memory_exceeded())
        self._ended = threading.Event()
        self._exit: SandboxExit | None = None
        self._closed = False
        self._reader = threading.Thread(
            target=self._read_until_exit, name=f"output {spec.name}", daemon=True
        )
        self._reader.start()

    @property
    def name(self) -> str:
        return self._spec.name

    def wait(self, timeout: float | None = None) -> SandboxExit | None:
        """Return its exit once all output was forwarded, or None if it still runs."""
        self._ended.wait(timeout)
        return self._exit

    def stop(self, grace: float) -> None:
        """Send SIGTERM to the main process, and SIGKILL to all after ``grace`` seconds."""
        if grace > 0:
            self._send_signal("SIGTERM")
            if self._ended.wait(grace):
                return
        self._send_signal("SIGKILL")
        self._ended.wait(EXIT_SECONDS)

    def drain(self, timeout: float) -> None:
        """Wait for a moment without output: Docker does not tell how much it still buffers."""
        end = time.monotonic() + timeout
        while (now := time.monotonic()) < end and now - self._last_output_time < QUIET_SECONDS:
            time.sleep(QUIET_SECONDS)

    def set_idle(self, *, is_idle: bool) -> None:
        """Do nothing: the kernel enforces the limits."""

    def peak_memory_mb(self) -> int:
        """Return the peak memory in MiB; 0 in Batch, where only the kernel measures it."""
        return self._monitored.peak_mb if self._monitored else 0

    def close(self) -> None:
        """Kill all processes and remove the container; may be called twice."""
        if self._closed:
            return
        self._closed = True
        with (
            contextlib.suppress(docker.errors.NotFound),
            translate_docker_errors(f"Cannot remove container {self._container_id[:12]}"),
        ):
            self._client.remove_container(self._container_id, force=True, v=True)
        self._ended.wait(EXIT_SECONDS)

    def _read_until_exit(self) -> None:
        status, out_of_memory = 137, False
        try:
            frames = frames_iter(self._stream, tty=False)  # type: ignore[no-untyped-call]
            for _, chunk in frames:
                self._last_output_time = time.monotonic()
                self._output(chunk)
            status = self._stream_client.wait(self._container_id)["StatusCode"]
            state = self._client.inspect_container(self._container_id)["State"]
            out_of_memory = bool(state.get("OOMKilled"))
        except DOCKER_ERRORS:
            # The container was removed meanwhile, or Docker has stopped: it has ended anyway.
            status = 137
        finally:
            close_stream(self._stream)
            if self._monitored:
                self._monitor.remove(self._monitored)
            # Docker does not report a kill by our own monitor as OOMKilled.
            self._exit = SandboxExit(
                status=status, out_of_memory=out_of_memory or self._out_of_memory
            )
            self._ended.set()

    def _on_memory_exceeded(self) -> None:
        self._out_of_memory = True
        self._send_signal("SIGKILL")

    def _send_signal(self, name: str) -> None:
        # 404: already removed; 409: no longer running.
        with contextlib.suppress(docker.errors.NotFound, docker.errors.APIError):
            self._client.kill(self._container_id, name)


@contextlib.contextmanager
def translate_docker_errors(problem: str) -> Iterator[None]:
    """Raise errors of Docker as EngineError; NotFound passes, for callers that expect it."""
    try:
        yield
    except docker.errors.NotFound:
        raise
    except DOCKER_ERRORS as error:
        raise EngineError(
            f"{problem}: {error}", remedy="Check the container engine, or choose another one."
        ) from error


def close_stream(stream: SocketIO) -> None:
    """Close an attached stream and its socket, which the SDK would leave open."""
    stream._sock.close()  # type: ignore[attr-defined]  # noqa: SLF001
    stream.close()
