"""The ``sandbox`` engine: containers of our own on Linux namespaces, without root or packages.

Each sandbox is one ``enter`` process: it takes namespaces, mounts the unpacked image, and
becomes the image's entrypoint. When it is killed, the kernel ends all that runs in it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

from scar.local.engines import namespace_init as enter
from scar.local.engines.port import EngineError, EngineGuarantees, SandboxProfile
from scar.local.engines.process_tree import ProcessTreeEngine, ProcessTreeSandbox
from scar.local.engines.rootfs import RootFsStore
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.local.engines.port import LocalImage, SandboxSpec

# The user that Lambda runs functions as is unprivileged; its number is not documented.
LAMBDA_UID, LAMBDA_GID = 993, 990

GUARANTEES = EngineGuarantees(
    filesystem=True,
    user=True,
    tmp_size=True,
    memory="polling",
    vcpus=False,
    notes=(
        "Memory is looked at 20 times a second; a faster script may exceed it for a moment.",
        "vCPUs are not limited, and there is no seccomp filter.",
        "The network is this machine's.",
        "Without root, a sandbox has one user: a Batch job stays root whatever USER says.",
        (
            "Started by root, a Batch job is this machine's root inside its own file system, "
            "with the capabilities that Docker leaves."
        ),
    ),
)


class SandboxEngine(ProcessTreeEngine["NamespaceSandbox"]):
    """Sandboxes on user namespaces; an Engine. ``folder`` belongs to it alone."""

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
        """Start the image's entrypoint; raise EngineError if the machine cannot."""
        folder = self._folder / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        try:
            plan = self._build_plan(spec, folder)
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", enter.__file__, plan.to_json()],
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
                    f"No sandbox can be started for {spec.name}: {error}.",
                    remedy="Check the limits on processes and disk of this machine.",
                ) from error
            raise
        sandbox = NamespaceSandbox(spec, process, folder, output, self._monitor)
        return self._register_sandbox(folder.name, sandbox)

    def _build_plan(self, spec: SandboxSpec, folder: Path) -> enter.SandboxPlan:
        image = self._images.get(spec.image)
        is_batch = spec.profile is SandboxProfile.BATCH
        for name in ("upper", "work"):
            (folder / name).mkdir()
        (folder / "upper").chmod(0o755)  # the overlay's root has its mode
        return enter.SandboxPlan(
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
    """One ``enter`` process, which passes TERM on; when it is killed, so are all; a Sandbox."""

    def _send_term(self) -> None:
        self._send_signal(signal.SIGTERM)

    def _kill_tree(self) -> None:
        self._send_signal(signal.SIGKILL)

    def _send_signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def unsupported_reason(folder: Path) -> str:
    """Return why this machine cannot run sandboxes, or an empty string if it can."""
    root = folder / "probe"
    remove_tree(root)
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    plan = enter.SandboxPlan(
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
        done = subprocess.run(
            [sys.executable, "-I", "-S", enter.__file__, plan.to_json()],
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
    # Everything is in place if only the command is missing.
    return "" if "no-such-command" in done.stderr else done.stderr.strip().splitlines()[-1]
