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

from scar.local.engines.limits_monitor import Limits
from scar.local.engines.port import EngineError, Exit, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import SocketIO

    from scar.local.engines.limits_monitor import Watch, Watched
    from scar.local.engines.port import SandboxSpec

Errors = (docker.errors.DockerException, requests.exceptions.RequestException)

ENDING_SECONDS = 20.0
QUIET_SECONDS = 0.003  # without output, after which none is on its way


class Container:
    """One container; a Sandbox."""

    def __init__(
        self,
        *,
        spec: SandboxSpec,
        identity: str,
        clients: tuple[docker.APIClient, docker.APIClient],
        stream: SocketIO,
        output: Callable[[bytes], None],
        watch: tuple[Watch, int],
    ) -> None:
        self._spec = spec
        self._identity = identity
        self._client, self._streams = clients
        self._stream = stream
        self._output = output
        self._watch, shim = watch
        self._watched: Watched | None = None
        self._out_of_memory = False
        self._heard = 0.0
        if shim and spec.profile is Profile.LAMBDA:
            limits = Limits(memory_mb=spec.memory_mb)
            self._watched = self._watch.add(shim, limits, lambda _: self._exceeded())
        self._ended = threading.Event()
        self._exit: Exit | None = None
        self._closed = False
        self._reader = threading.Thread(target=self._read, name=f"output {spec.name}", daemon=True)
        self._reader.start()

    @property
    def name(self) -> str:
        return self._spec.name

    def wait(self, timeout: float | None = None) -> Exit | None:
        """Return how it ended, all output passed on, or None if it still runs."""
        self._ended.wait(timeout)
        return self._exit

    def stop(self, grace: float) -> None:
        """TERM to the main process, KILL to all after ``grace`` seconds (0: KILL at once)."""
        if grace > 0:
            self._signal("SIGTERM")
            if self._ended.wait(grace):
                return
        self._signal("SIGKILL")
        self._ended.wait(ENDING_SECONDS)

    def drain(self, timeout: float) -> None:
        """Wait for a moment without output: what Docker holds back, nobody can ask it."""
        end = time.monotonic() + timeout
        while (now := time.monotonic()) < end and now - self._heard < QUIET_SECONDS:
            time.sleep(QUIET_SECONDS)

    def peak_memory_mb(self) -> int:
        """Highest memory seen so far, in MiB; 0 in Batch, where only the kernel counts."""
        return self._watched.peak_mb if self._watched else 0

    def close(self) -> None:
        """KILL what still runs and remove the container; may be called twice."""
        if self._closed:
            return
        self._closed = True
        with (
            contextlib.suppress(docker.errors.NotFound),
            translated(f"Container {self._identity[:12]} cannot be removed"),
        ):
            self._client.remove_container(self._identity, force=True, v=True)
        self._ended.wait(ENDING_SECONDS)

    def _read(self) -> None:
        status, out_of_memory = 137, False
        try:
            frames = frames_iter(self._stream, tty=False)  # type: ignore[no-untyped-call]
            for _, chunk in frames:
                self._heard = time.monotonic()
                self._output(chunk)
            status = self._streams.wait(self._identity)["StatusCode"]
            state = self._client.inspect_container(self._identity)["State"]
            out_of_memory = bool(state.get("OOMKilled"))
        except Errors:
            # The container was removed under us, or Docker went away: it is over in any case.
            status = 137
        finally:
            hang_up(self._stream)
            if self._watched:
                self._watch.remove(self._watched)
            self._exit = Exit(status=status, out_of_memory=out_of_memory or self._out_of_memory)
            self._ended.set()

    def _exceeded(self) -> None:
        self._out_of_memory = True
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        # 404: already removed; 409: not running any more.
        with contextlib.suppress(docker.errors.NotFound, docker.errors.APIError):
            self._client.kill(self._identity, name)


@contextlib.contextmanager
def translated(problem: str) -> Iterator[None]:
    try:
        yield
    except docker.errors.NotFound:
        raise
    except Errors as error:
        raise EngineError(
            f"{problem}: {error}", remedy="Check the container engine, or choose another one."
        ) from error


def hang_up(stream: SocketIO) -> None:
    """Close an attached stream; the SDK keeps the socket below it open."""
    stream._sock.close()  # type: ignore[attr-defined]  # noqa: SLF001
    stream.close()
