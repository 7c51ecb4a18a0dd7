"""What engines share whose sandboxes are process trees of this machine.

Each sandbox has a folder, which goes with it; the file ``pid`` in it names the tree's first
process, so that a later server can end what a killed one has left.
"""

from __future__ import annotations

import abc
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from scar.local.engines.limits_monitor import ExceededLimit, LimitsMonitor, TreeLimits
from scar.local.engines.output_pipe import OutputPipe
from scar.local.engines.port import SandboxExit
from scar.local.processes import descendants, is_running, kill_all, start_time
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.engines.port import SandboxSpec

LOG = logging.getLogger(__name__)
EXIT_SECONDS: Final = 10.0  # that the end of a killed tree may take


class ProcessTreeSandbox(abc.ABC):
    """One process of this machine, what descends from it, and its folder; a Sandbox."""

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
        (folder / "pid").write_text(f"{process.pid} {start_time(process.pid) or 0}")
        self._reader = threading.Thread(
            target=self._read_until_exit, name=f"output {spec.name}", daemon=True
        )
        self._reader.start()

    @property
    def name(self) -> str:
        return self._spec.name

    def wait(self, timeout: float | None = None) -> SandboxExit | None:
        """Return how it ended, all output passed on, or None if it still runs."""
        self._ended.wait(timeout)
        return self._exit

    def stop(self, grace: float) -> None:
        """TERM to the main process, KILL to all after ``grace`` seconds (0: KILL at once)."""
        if grace > 0:
            self._send_term()
            if self._ended.wait(grace):
                return
        self._kill_tree()
        if not self._ended.wait(EXIT_SECONDS):
            kill_all(self._list_processes())

    def drain(self, timeout: float) -> None:
        """Wait until what was written so far has been passed on."""
        self._pipe.drain(timeout)

    def peak_memory_mb(self) -> int:
        """Highest memory seen so far, in MiB."""
        if not self._ended.is_set():
            self._monitored.update_peak()
        return self._monitored.peak_mb

    def close(self) -> None:
        """KILL what still runs and remove the folder; may be called twice."""
        if self.closed:
            return
        self.stop(0)
        self._reader.join(timeout=EXIT_SECONDS)
        self.closed = True
        _remove_folder(self._folder)

    @abc.abstractmethod
    def _send_term(self) -> None:
        """Have TERM sent to the sandbox's main process."""

    @abc.abstractmethod
    def _kill_tree(self) -> None:
        """Have the whole tree killed."""

    def _tree_limits(self) -> TreeLimits:
        return TreeLimits(memory_mb=self._spec.memory_mb)

    def _list_processes(self) -> list[int]:
        """Find all processes of the tree, for the case that orders do not end it."""
        return [self._process.pid, *descendants(self._process.pid)]

    def _on_limit_exceeded(self, limit: ExceededLimit) -> None:  # noqa: ARG002 - some engines tell which
        self._kill_tree()

    def _forward_output(self) -> None:
        """Read output to its end, which comes with the last process that could write."""
        self._pipe.forward_all()

    def _read_until_exit(self) -> None:
        """Pass output on, then say how it ended."""
        try:
            with self._stdout:
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
    """The sandboxes of one engine, in a folder that belongs to it alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._monitor = LimitsMonitor()
        self._running: dict[str, S] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()

    def close(self) -> None:
        """End all sandboxes, also those left by a killed server with the same folder."""
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

    def _find_orphans(self, name: str) -> list[int]:  # noqa: ARG002 - for engines that can have some
        """Find processes of a sandbox that no longer descend from its first one."""
        return []

    def _remove_leftovers(self) -> None:
        """Trees end with their server; what a killed one leaves is, as a rule, only folders."""
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid, started = map(int, (folder / "pid").read_text().split())
                if is_running(pid, started):
                    kill_all([pid, *descendants(pid)])
            kill_all(self._find_orphans(folder.name))
            _remove_folder(folder)


def _remove_folder(folder: Path) -> None:
    """Remove a sandbox's folder; what cannot go now is tried again when the engine starts."""
    try:
        remove_tree(folder)
    except OSError as error:
        LOG.warning("%s cannot be removed: %s", folder, error)
