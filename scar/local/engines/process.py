"""The ``process`` engine: functions run on the host itself, for machines with nothing better.

The image's root file system is not there: the supervisor runs on scar's own Python, the
script sees the host. Process trees end whole (``process_init``); memory is kept by looking.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import supervisor
from scar.local.engines import process_init
from scar.local.engines.function_layer import unpack_function_layer
from scar.local.engines.limits_monitor import ExceededLimit, TreeLimits
from scar.local.engines.port import EngineError, EngineGuarantees, SandboxProfile
from scar.local.engines.process_tree import EXIT_SECONDS, ProcessTreeEngine, ProcessTreeSandbox
from scar.local.processes import kill_all
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scar.local.engines.port import LocalImage, Sandbox, SandboxSpec

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SANDBOX_VARIABLE: Final = "SCAR_SANDBOX"
_ORPHAN_OUTPUT_MS: Final = 1000  # milliseconds to wait for output of a tree without a head

_SUPERVISOR = (
    f"import runpy, sys; sys.path.insert(0, {str(Path(supervisor.__file__).parent.parent)!r});"
    "sys.argv[0] = 'supervisor'; runpy.run_module('supervisor', run_name='__main__')"
)
_COMMAND = (sys.executable, "-I", "-X", "utf8", "-c", _SUPERVISOR)

GUARANTEES: Final = EngineGuarantees(
    filesystem=False,
    user=False,
    tmp_size=False,
    memory="polling",
    vcpus=False,
    notes=(
        "The image is not used: the script runs on this machine, as you, with your files.",
        "Memory is looked at 20 times a second; a faster script may exceed it for a moment.",
        "The size of /tmp is looked at twice a second; the work folder stands for /tmp.",
        "vCPUs are not limited.",
    ),
)


class ProcessEngine(ProcessTreeEngine["ProcessSandbox"]):
    """Sandboxes that are process trees of this machine; an Engine.

    ``folder`` belongs to the engine alone. ``command`` runs instead of the supervisor.
    """

    name = "process"

    def __init__(self, folder: Path, *, command: Sequence[str] = _COMMAND) -> None:
        super().__init__(folder / "sandboxes")
        self._images = folder / "images"
        self._command = tuple(command)

    @property
    def guarantees(self) -> EngineGuarantees:
        return GUARANTEES

    def prepare(self, image: LocalImage) -> None:
        """Unpack the function layer; may be called twice."""
        unpack_function_layer(image.layers[-1], self._function_folder(image))

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> Sandbox:
        """Start the supervisor; raise EngineError if the machine cannot."""
        self.prepare(spec.image)
        folder = self._folder / uuid.uuid4().hex
        temporary = folder / "tmp"
        temporary.mkdir(parents=True, mode=0o700)
        environment = {
            "PATH": PATH,
            "HOME": str(temporary),
            **spec.environment,
            "SCAR_HOME": str(self._function_folder(spec.image)),
            "TMPDIR": str(temporary),
            _SANDBOX_VARIABLE: folder.name,
        }
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", process_init.__file__, *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                env=environment,
                cwd=temporary,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            remove_tree(folder)
            raise EngineError(
                f"No process can be started for {spec.name}: {error}.",
                remedy="Check the limits on processes and memory of this machine.",
            ) from error
        sandbox = ProcessSandbox(spec, process, folder, output, self._monitor)
        return self._register_sandbox(folder.name, sandbox)

    def _function_folder(self, image: LocalImage) -> Path:
        return self._images / image.layers[-1].digest.replace(":", "-")

    def _find_orphans(self, name: str) -> list[int]:
        return _find_marked_processes(name)


class ProcessSandbox(ProcessTreeSandbox):
    """One process tree and its temporary folder; a Sandbox."""

    def _send_term(self) -> None:
        self._send_command(b"T")

    def _kill_tree(self) -> None:
        self._send_command(b"K")

    def _tree_limits(self) -> TreeLimits:
        if self._spec.profile is SandboxProfile.BATCH:
            return super()._tree_limits()
        return TreeLimits(
            memory_mb=self._spec.memory_mb,
            folder=self._folder / "tmp",
            folder_mb=self._spec.tmp_mb,
        )

    def _list_processes(self) -> list[int]:
        return [*super()._list_processes(), *_find_marked_processes(self._folder.name)]

    def _forward_output(self) -> None:
        """Read the pipe to its end, which comes with the death of the tree's first process.

        If that one was killed by others, what it leaves behind may hold the pipe open.
        """
        with _open_pidfd(self._process.pid) as death:
            self._forward_output_until(death)

    def _forward_output_until(self, pidfd: int) -> None:
        pipe, poll = self._stdout.fileno(), select.poll()
        poll.register(pipe, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        patience, end = None, math.inf
        while (ready := poll.poll(patience)) and time.monotonic() < end:
            if pipe in dict(ready):
                if not self._pipe.forward_chunk():
                    return
            else:
                poll.unregister(pidfd)
                kill_all(_find_marked_processes(self._folder.name))
                patience, end = _ORPHAN_OUTPUT_MS, time.monotonic() + EXIT_SECONDS

    def _on_limit_exceeded(self, limit: ExceededLimit) -> None:
        if limit is ExceededLimit.FOLDER:
            self._output(
                f"No space left on device: /tmp is limited to {self._spec.tmp_mb} MB\n".encode()
            )
        self._kill_tree()

    def _send_command(self, command: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(command)


@contextlib.contextmanager
def _open_pidfd(pid: int) -> Iterator[int]:
    """Open a descriptor that is readable when the process has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _find_marked_processes(name: str) -> list[int]:
    """Find what has a sandbox's mark in its environment, whoever its parent is now."""
    mark = f"{_SANDBOX_VARIABLE}={name}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
