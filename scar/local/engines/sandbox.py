"""The ``sandbox`` engine: rootless containers on Linux namespaces, without other software.

Each sandbox is one process of ``namespaces``: it enters namespaces, mounts the unpacked image, and
runs the image's entrypoint. When it is killed, the kernel kills all processes in the sandbox.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scar.local.engines.node_network import open_network
from scar.local.engines.port import EngineError, EngineGuarantees, SandboxProfile
from scar.local.engines.process_tree import ProcessTreeEngine, ProcessTreeSandbox
from scar.local.engines.rootfs import RootFsStore
from scar.local.engines.sandbox_support import FIRST_ID, ID_COUNT, init_command
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.engines.namespaces.plan import SandboxPlan
    from scar.local.engines.port import LocalImage, NodeNetwork, SandboxSpec
    from scar.local.engines.sandbox_support import SandboxSupport

NOTES: Final = (
    (
        "Memory is checked 20 times a second, and once a second between invocations: a script "
        "may exceed its limit for a moment."
    ),
    "vCPUs are not limited.",
    "Sandboxes use this machine's network; only root can open ports below 1,024 there.",
    "Jobs with GPUs get the device nodes; the driver's libraries must be in the image.",
    "The nodes of a multi-node job have a network of their own, without a route to the internet.",
)
NOTE_FOR_USERS: Final = (
    "Without root, a sandbox has one user: a Batch job runs as root, whatever USER says."
)


class SandboxEngine(ProcessTreeEngine["NamespaceSandbox"]):
    """Sandboxes in Linux namespaces; an Engine. Only this engine may use ``folder``."""

    name = "sandbox"

    def __init__(self, folder: Path, support: SandboxSupport) -> None:
        super().__init__(folder / "sandboxes")
        self._support = support
        shifted = (FIRST_ID, ID_COUNT) if support.maps_ids else (0, 0)
        self._images = RootFsStore(folder / "images", *shifted)
        # PR_SET_PDEATHSIG, by which sandboxes end with a killed server, ends them with the thread
        # that started them. Callers' threads may end with one request; this one ends at close().
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox starter")
        # The thread starts now: if it could not, a submitted start would stay queued and run later.
        self._starter.submit(threading.get_ident).result()

    def close(self) -> None:
        """End all sandboxes, also orphaned ones of a killed server with the same folder."""
        super().close()
        self._starter.shutdown()

    @property
    def guarantees(self) -> EngineGuarantees:
        notes = (*NOTES, *self._support.notes())
        return EngineGuarantees(
            filesystem=True,
            storage=True,
            user=True,
            tmp_size=True,
            memory="polling",
            vcpus=False,
            networks=True,
            notes=notes if os.geteuid() == 0 else (*notes, NOTE_FOR_USERS),
        )

    def open_network(self, nodes: int, port: int) -> NodeNetwork:
        """Connect the nodes by a bridge; raise EngineError if the kernel refuses."""
        return open_network(nodes, port)

    def prepare(self, image: LocalImage) -> None:
        """Unpack the image; may be called twice."""
        self._images.get(image)

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> NamespaceSandbox:
        """Start the image's entrypoint; raise EngineError if that fails."""
        folder = self._folder / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        try:
            plan = self._build_plan(spec, folder)
            process = self._starter.submit(
                subprocess.Popen[bytes],
                init_command(plan),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                env=dict(spec.environment),
                start_new_session=True,
                pass_fds=[fd for fd in (plan.network, plan.network_owner) if fd >= 0],
            ).result()
        except BaseException as error:
            remove_tree(folder)
            if isinstance(error, OSError | RuntimeError):  # the latter after close()
                raise EngineError(
                    f"Cannot start a sandbox for {spec.name}: {error}.",
                    remedy="Check the limits on processes and disk of this machine.",
                ) from error
            raise
        sandbox = NamespaceSandbox(spec, process, folder, output, self._monitor)
        return self._register_sandbox(folder.name, sandbox)

    def _build_plan(self, spec: SandboxSpec, folder: Path) -> SandboxPlan:
        image = self._images.get(spec.image)
        upper, work = folder / "upper", folder / "work"
        is_batch = spec.profile is SandboxProfile.BATCH
        if is_batch:
            for path in (upper, work):
                path.mkdir()
            upper.chmod(0o755)  # becomes the mode and the owner of the overlay's root
            if self._support.maps_ids:
                os.chown(upper, FIRST_ID, FIRST_ID)
        plan = self._support.build_plan(
            root=str(image.root),
            binds=image.binds,
            tmp_mb=0 if is_batch else spec.tmp_mb,
            overlay=(str(upper), str(work)) if is_batch else None,
            command=spec.image.entrypoint,
            storage=spec.storage,
            devices=sorted({node for gpu in spec.gpus for node in gpu.nodes}),
        )
        network = spec.network
        if network is None:
            return plan
        return replace(plan, network=network.namespace, network_owner=network.owner)


class NamespaceSandbox(ProcessTreeSandbox):
    """A process of ``namespaces`` that forwards SIGTERM and whose end kills all; a Sandbox."""

    def _send_term(self) -> None:
        self._send_signal(signal.SIGTERM)

    def _kill_tree(self) -> None:
        self._send_signal(signal.SIGKILL)

    def _send_signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
