"""The common part of the engines whose sandboxes are process trees of this machine.

Each sandbox has a folder, which is removed with it. The file ``pid`` in the folder contains the
tree's first process, so that a later server can end the trees of a killed one.
"""

from __future__ import annotations

import abc
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from scar.local.engines.limits_monitor import ExceededLimit, LimitsMonitor, TreeLimits
from scar.local.engines.output_pipe import OutputPipe
from scar.local.engines.port import SandboxExit, SandboxProfile
from scar.local.processes import (
    descendants,
    is_running,
    kill_all,
    out_of_memory_victim,
    start_time,
)
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.engines.port import SandboxSpec

LOG = logging.getLogger(__name__)
EXIT_SECONDS: Final = 10.0  # that the end of a killed tree may take


class ProcessTreeSandbox(abc.ABC):
    """One process of this machine, its descendants and its folder; a Sandbox."""

    def __init__(
        self,
        spec: SandboxSpec,
        process: subprocess.Popen[bytes],
        folder: Path,
        output: Callable[[bytes], None],
        monitor: LimitsMonitor,
    ) -> None:
        self._spec = spec
        self._process = process
        self._folder = folder
        if process.stdout is None:  # pragma: no cover - it is a pipe
            raise AssertionError
        self._stdout = process.stdout
        self._output = output
        self._pipe = OutputPipe(process.stdout.fileno(), output)
        self._monitor = monitor
        self._monitored = monitor.add(process.pid, self._tree_limits(), self._on_limit_exceeded)
        self._ended = threading.Event()
        self._exit: SandboxExit | None = None
        self.closed = False
        # With the start time, because the kernel reuses process ids.
        (folder / "pid").write_text(f"{process.pid} {start_time(process.pid) or 0}")
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
            self._send_term()
            if self._ended.wait(grace):
                return
        self._kill_tree()
        if not self._ended.wait(EXIT_SECONDS):
            kill_all(self._list_processes())

    def drain(self, timeout: float) -> None:
        """Wait until all output written so far was forwarded, or ``timeout`` seconds."""
        self._pipe.drain(timeout)

    def set_idle(self, *, is_idle: bool) -> None:
        """Look at an idle tree less often: once a second."""
        self._monitor.set_idle(self._monitored, is_idle=is_idle)

    def peak_memory_mb(self) -> int:
        """Return the peak memory in MiB."""
        # Measured now: an invocation may be shorter than the polling interval.
        if not self._ended.is_set():
            self._monitor.update_peak(self._monitored)
        return self._monitored.peak_mb

    def close(self) -> None:
        """Kill all processes and remove the folder; may be called twice."""
        if self.closed:
            return
        self.stop(0)
        self._reader.join(timeout=EXIT_SECONDS)
        self.closed = True
        _remove_folder(self._folder)

    @abc.abstractmethod
    def _send_term(self) -> None:
        """Send SIGTERM to the sandbox's main process."""

    @abc.abstractmethod
    def _kill_tree(self) -> None:
        """Kill the whole tree."""

    def _tree_limits(self) -> TreeLimits:
        is_job = self._spec.profile is SandboxProfile.BATCH
        return TreeLimits(memory_mb=self._spec.memory_mb, is_repeated=is_job)

    def _list_processes(self) -> list[int]:
        """Return all processes of the tree, to be killed if ``_kill_tree`` did not end it."""
        return [self._process.pid, *descendants(self._process.pid)]

    def _on_limit_exceeded(self, limit: ExceededLimit) -> None:
        """End the tree; in Batch, as the kernel does, only the process that it chooses."""
        is_job = self._spec.profile is SandboxProfile.BATCH
        victim = 0
        if is_job and limit is ExceededLimit.MEMORY:
            victim = out_of_memory_victim(descendants(self._process.pid))
        if victim:
            kill_all([victim])
        else:
            self._kill_tree()

    def _forward_output(self) -> None:
        """Forward output until the last process that could write has ended."""
        self._pipe.forward_all()

    def _read_until_exit(self) -> None:
        """Forward all output, then set the exit."""
        try:
            with self._stdout, contextlib.closing(self._pipe):
                self._forward_output()
        finally:
            status = self._process.wait()
            self._monitor.remove(self._monitored)
            self._exit = SandboxExit(
                status=128 - status if status < 0 else status,
                out_of_memory=self._monitored.exceeded_limit is ExceededLimit.MEMORY,
            )
            self._ended.set()
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()


S = TypeVar("S", bound=ProcessTreeSandbox)


class ProcessTreeEngine(Generic[S]):
    """The sandboxes of one engine; no other engine may use its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._monitor = LimitsMonitor()
        self._running: dict[str, S] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()

    def close(self) -> None:
        """End all sandboxes, also orphaned ones of a killed server with the same folder."""
        with self._lock:
            running, self._running = self._running, {}
        for sandbox in running.values():
            sandbox.close()
        self._monitor.close()
        self._remove_leftovers()

    def _register_sandbox(self, name: str, sandbox: S) -> S:
        with self._lock:
            self._running = {k: s for k, s in self._running.items() if not s.closed}
            self._running[name] = sandbox
        return sandbox

    def _find_orphans(self, name: str) -> list[int]:  # noqa: ARG002 - for subclasses
        """Return processes of a sandbox that no longer descend from its first process."""
        return []

    def _remove_leftovers(self) -> None:
        """End the trees and remove the folders of a killed server.

        The trees normally end with their server, so usually only folders are left.
        """
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid, started = map(int, (folder / "pid").read_text().split())
                if is_running(pid, started):
                    kill_all([pid, *descendants(pid)])
            kill_all(self._find_orphans(folder.name))
            _remove_folder(folder)


def _remove_folder(folder: Path) -> None:
    """Remove a sandbox's folder; a failure is logged and retried when the engine next starts."""
    try:
        remove_tree(folder)
    except OSError as error:
        LOG.warning("cannot remove %s: %s", folder, error)
