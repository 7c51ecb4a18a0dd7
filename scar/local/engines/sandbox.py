"""The ``sandbox`` engine: rootless containers on Linux namespaces, without other software.

Each sandbox is one ``namespace_init`` process: it enters namespaces, mounts the unpacked image,
and runs the image's entrypoint. When it is killed, the kernel kills all processes in the sandbox.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

from scar.local.engines import namespace_init
from scar.local.engines.port import EngineError, EngineGuarantees, SandboxProfile
from scar.local.engines.process_tree import ProcessTreeEngine, ProcessTreeSandbox
from scar.local.engines.rootfs import RootFsStore
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.engines.port import LocalImage, SandboxSpec

# Lambda runs functions as an unprivileged user; AWS does not document its number.
LAMBDA_UID, LAMBDA_GID = 993, 990

GUARANTEES = EngineGuarantees(
    filesystem=True,
    user=True,
    tmp_size=True,
    memory="polling",
    vcpus=False,
    notes=(
        "Memory is checked 20 times a second; a script may exceed its limit for a moment.",
        "vCPUs are not limited, and there is no seccomp filter.",
        "Sandboxes use this machine's network.",
        "Without root, a sandbox has one user: a Batch job runs as root, whatever USER says.",
        (
            "If root starts the local cloud, a Batch job is this machine's root inside its own "
            "file system, with the default capabilities of Docker."
        ),
    ),
)


class SandboxEngine(ProcessTreeEngine["NamespaceSandbox"]):
    """Sandboxes in Linux namespaces; an Engine. Only this engine may use ``folder``."""

    name = "sandbox"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "sandboxes")
        self._images = RootFsStore(folder / "images")

    @property
    def guarantees(self) -> EngineGuarantees:
        return GUARANTEES

    def prepare(self, image: LocalImage) -> None:
        """Unpack the image; may be called twice."""
        self._images.get(image)

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> NamespaceSandbox:
        """Start the image's entrypoint; raise EngineError if that fails."""
        folder = self._folder / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        try:
            plan = self._build_plan(spec, folder)
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", namespace_init.__file__, plan.to_json()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                env=dict(spec.environment),
                start_new_session=True,
            )
        except BaseException as error:
            remove_tree(folder)
            if isinstance(error, OSError):
                raise EngineError(
                    f"Cannot start a sandbox for {spec.name}: {error}.",
                    remedy="Check the limits on processes and disk of this machine.",
                ) from error
            raise
        sandbox = NamespaceSandbox(spec, process, folder, output, self._monitor)
        return self._register_sandbox(folder.name, sandbox)

    def _build_plan(self, spec: SandboxSpec, folder: Path) -> namespace_init.SandboxPlan:
        image = self._images.get(spec.image)
        is_batch = spec.profile is SandboxProfile.BATCH
        for name in ("upper", "work"):
            (folder / name).mkdir()
        (folder / "upper").chmod(0o755)  # becomes the mode of the overlay's root
        return namespace_init.SandboxPlan(
            root=str(image.root),
            upper=str(folder / "upper") if is_batch else "",
            work=str(folder / "work") if is_batch else "",
            binds=image.binds,
            tmp_mb=0 if is_batch else spec.tmp_mb,
            uid=0 if is_batch else LAMBDA_UID,
            gid=0 if is_batch else LAMBDA_GID,
            command=spec.image.entrypoint,
        )


class NamespaceSandbox(ProcessTreeSandbox):
    """One ``namespace_init`` process, which forwards SIGTERM and whose end kills all; a Sandbox."""

    def _send_term(self) -> None:
        self._send_signal(signal.SIGTERM)

    def _kill_tree(self) -> None:
        self._send_signal(signal.SIGKILL)

    def _send_signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def unsupported_reason(folder: Path) -> str:
    """Return why this machine cannot run sandboxes, or an empty string if it can.

    A trial run is the only reliable test: kernels, distributions and container hosts restrict user
    namespaces and mounts in many ways.
    """
    root = folder / "probe"
    remove_tree(root)
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    plan = namespace_init.SandboxPlan(
        root=str(root),
        upper="",
        work="",
        binds=(),
        tmp_mb=1,
        uid=LAMBDA_UID,
        gid=LAMBDA_GID,
        command=("/no-such-command",),
    )
    try:
        result = subprocess.run(
            [sys.executable, "-I", "-S", namespace_init.__file__, plan.to_json()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        remove_tree(root)
    # All mounts have succeeded if only the command is missing.
    return "" if "no-such-command" in result.stderr else result.stderr.strip().splitlines()[-1]
