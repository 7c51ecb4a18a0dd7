"""The ``process`` engine: functions run directly on the host, where no other engine works.

There is no root file system of the image: the supervisor runs on scar's own Python, and the script
sees the host's files. ``process_init`` ends process trees completely; memory is limited by polling.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import supervisor
from scar.local.engines import process_init
from scar.local.engines.function_layer import unpack_function_layer
from scar.local.engines.limits_monitor import ExceededLimit, TreeLimits
from scar.local.engines.port import (
    EngineError,
    EngineGuarantees,
    SandboxProfile,
    no_networks_error,
)
from scar.local.engines.process_tree import EXIT_SECONDS, ProcessTreeEngine, ProcessTreeSandbox
from scar.local.engines.storage import SandboxStorage
from scar.local.processes import kill_all
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scar.local.engines.port import LocalImage, NodeNetwork, Sandbox, SandboxSpec

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SANDBOX_VARIABLE: Final = "SCAR_SANDBOX"
_COMPILATION_SECONDS: Final = 120  # takes a tenth of a second
_ORPHAN_OUTPUT_MS: Final = 1000  # milliseconds to wait for output of orphaned processes

# No site-packages (-S): the supervisor imports the standard library only.
_PYTHON: Final = (sys.executable, "-I", "-S", "-X", "utf8", "-c")
_IMPORT: Final = f"import sys; sys.path.insert(0, {str(Path(supervisor.__file__).parent.parent)!r})"

GUARANTEES: Final = EngineGuarantees(
    filesystem=False,
    user=False,
    tmp_size=False,
    memory="polling",
    vcpus=False,
    notes=(
        (
            "The image is not used: the script runs on this machine, with your user, your files, "
            "your keys and every system call that you may make."
        ),
        (
            "Memory is checked 20 times a second, and once a second between invocations: a script "
            "may exceed its limit for a moment."
        ),
        "The size of /tmp is checked twice a second; the work folder is used as /tmp.",
        "vCPUs and the numbers of processes and open files are not limited.",
    ),
)


class ProcessEngine(ProcessTreeEngine["ProcessSandbox"]):
    """Sandboxes that are process trees of this machine; an Engine.

    Only this engine may use ``folder``. Tests pass another ``command`` than the supervisor.
    """

    name = "process"

    def __init__(self, folder: Path, *, command: Sequence[str] = ()) -> None:
        super().__init__(folder / "sandboxes")
        self._images = folder / "images"
        self._command = tuple(command) or _start_supervisor(folder)

    @property
    def guarantees(self) -> EngineGuarantees:
        return GUARANTEES

    def prepare(self, image: LocalImage) -> None:
        """Unpack the function layer; may be called twice."""
        unpack_function_layer(image.layers[-1], self._function_folder(image))

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> Sandbox:
        """Start the supervisor; raise EngineError if the machine cannot."""
        if spec.storage != SandboxStorage():  # of a function that another engine accepted
            raise EngineError(
                f"{spec.name} has mounts or limits, which the process engine does not have.",
                remedy="Use another one: `scar local start --engine sandbox`.",
            )
        self.prepare(spec.image)
        folder = self._folder / uuid.uuid4().hex
        temporary = folder / "tmp"
        temporary.mkdir(parents=True, mode=0o700)
        # Defaults first, then the sandbox's variables, then those that this engine relies on.
        environment = {
            "PATH": PATH,
            **spec.environment,
            "SCAR_HOME": str(self._function_folder(spec.image)),
            "TMPDIR": str(temporary),
            _SANDBOX_VARIABLE: folder.name,
        }
        if spec.gpus:  # the only way to keep a process to its GPUs
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.id for gpu in spec.gpus)
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
                f"Cannot start a process for {spec.name}: {error}.",
                remedy="Check the limits on processes and memory of this machine.",
            ) from error
        sandbox = ProcessSandbox(spec, process, folder, output, self._monitor)
        return self._register_sandbox(folder.name, sandbox)

    def open_network(self, nodes: int, port: int) -> NodeNetwork:
        """Raise EngineError: process trees use the network of this machine."""
        del nodes, port
        raise no_networks_error(self.name)

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
        """Forward output to the end of the pipe, which comes when the tree's first process ends.

        If another process killed that one, orphaned processes may hold the pipe open.
        """
        with _open_pidfd(self._process.pid) as pidfd:
            self._forward_output_until(pidfd)

    def _forward_output_until(self, pidfd: int) -> None:
        """Forward output; once ``pidfd`` has ended, kill orphans and wait a bounded time."""
        pipe, poll = self._stdout.fileno(), select.poll()
        poll.register(pipe, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        timeout_ms, end = None, math.inf
        while (ready := poll.poll(timeout_ms)) and time.monotonic() < end:
            if pipe in dict(ready):
                if not self._pipe.forward_available():
                    return
            else:
                # Only the pidfd is ready: the first process has ended, and the pipe is still open.
                poll.unregister(pidfd)
                kill_all(_find_marked_processes(self._folder.name))
                timeout_ms, end = _ORPHAN_OUTPUT_MS, time.monotonic() + EXIT_SECONDS

    def _on_limit_exceeded(self, limit: ExceededLimit) -> None:
        if limit is ExceededLimit.FOLDER:
            self._output(
                f"No space left on device: /tmp is limited to {self._spec.tmp_mb} MB\n".encode()
            )
        super()._on_limit_exceeded(limit)

    def _send_command(self, command: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(command)


def _start_supervisor(folder: Path) -> tuple[str, ...]:
    """Return the command that starts the supervisor; prepare a fast start, as bundles have it.

    Without the compiled methods of its dataclasses a start takes 1.5 times as much CPU time.
    """
    # Byte code is that of one release of Python.
    methods = folder / f"methods-{sys.hexversion:x}.bin"
    folder.mkdir(parents=True, exist_ok=True)
    # Whatever stands there may be damaged: it is replaced, and never opened.
    descriptor, compiled = tempfile.mkstemp(prefix="methods-", dir=folder)
    os.close(descriptor)
    compile_methods = (
        f"{_IMPORT}; from pathlib import Path; from supervisor.bundle import method_compiler;"
        f"method_compiler.main(Path({compiled!r}))"
    )
    try:
        subprocess.run(
            [*_PYTHON, compile_methods],
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=_COMPILATION_SECONDS,
        )
        if methods.is_dir() and not methods.is_symlink():
            remove_tree(methods)
        Path(compiled).replace(methods)
    finally:
        Path(compiled).unlink(missing_ok=True)
    start = (
        f"{_IMPORT}; from supervisor.runtime import fast_start;"
        f"fast_start.prepare({str(methods)!r}); from supervisor.__main__ import main;"
        "sys.argv[0] = 'supervisor'; sys.exit(main())"
    )
    return *_PYTHON, start


@contextlib.contextmanager
def _open_pidfd(pid: int) -> Iterator[int]:
    """Open a descriptor that becomes readable when the process has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _find_marked_processes(name: str) -> list[int]:
    """Return the processes with a sandbox's variable in their environment.

    This finds orphans, which have lost their parent and so their place in the tree.
    """
    variable = f"{_SANDBOX_VARIABLE}={name}".encode()
    pids = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            if variable in path.read_bytes().split(b"\0"):
                pids.append(int(path.parent.name))
    return pids
