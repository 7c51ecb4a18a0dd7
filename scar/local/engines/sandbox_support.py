"""What the ``sandbox`` engine can do on this machine: found by a trial run.

A trial run is the only reliable test: kernels, distributions and container hosts restrict user
namespaces, mounts and filters in many ways. What is missing is shown by ``scar local status``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import scar
from scar.local.engines.namespaces.plan import Protection, SandboxPlan
from scar.local.engines.namespaces.seccomp import compile_filter
from scar.local.engines.port import LAMBDA_OPEN_FILES, PROCESS_LIMITS, SandboxProfile
from scar.local.engines.storage import LIMIT_NUMBERS, SandboxStorage
from scar.local.engines.tmpfs_options import mount_arguments
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Lambda runs functions as an unprivileged user; AWS does not document its number.
LAMBDA_UID, LAMBDA_GID = 993, 990
SHARED_MEMORY_MB = 64  # Docker's default size of /dev/shm
# The ids of the user namespace of a server that root started. No system assigns them:
# https://systemd.io/UIDS-GIDS/ has them as unused, above the ranges of subuid and of containers.
FIRST_ID, ID_COUNT = 0x70000000, 0x10000000
# Since this release the kernel counts processes for each user namespace, not for each user of the
# machine: commit 21d1c5e386bc "Reimplement RLIMIT_NPROC on top of ucounts".
KERNEL_WITH_COUNTS: Final = (5, 14)

WITHOUT: Final[Mapping[Protection, str]] = {
    Protection.USER_NAMESPACE: (
        "There is no user namespace: a Batch job is this machine's root inside its own file "
        f"system, with the default capabilities of Docker, and a Lambda script is user {LAMBDA_UID}"
    ),
    Protection.SESSION_KEYRING: (
        "Sandboxes share the session keyring of the user who started the server"
    ),
    Protection.CGROUP_NAMESPACE: "Sandboxes see the paths of this machine's control groups",
    Protection.SECCOMP: "There is no filter of system calls",
    Protection.PROCESS_LIMIT: "The number of processes in a sandbox is not limited",
}


def init_command(plan: SandboxPlan) -> list[str]:
    """Return the command that runs a sandbox; with -S and -I only the standard library is found."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(scar.__file__).parent.parent)!r});"
        "from scar.local.engines.namespaces.init import main; sys.exit(main(sys.argv[1]))"
    )
    return [sys.executable, "-I", "-S", "-c", code, plan.encode()]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSupport:
    """``reason`` says why this machine cannot run sandboxes; empty if it can.

    ``missing`` are the protections that it does not offer, each with the reason.
    """

    reason: str = ""
    missing: Mapping[Protection, str] = field(default_factory=dict)

    @property
    def maps_ids(self) -> bool:
        """Whether sandboxes have a user namespace that root has made, with shifted ids."""
        return os.geteuid() == 0 and Protection.USER_NAMESPACE not in self.missing

    def build_plan(  # noqa: PLR0913 - what differs between sandboxes
        self,
        *,
        root: str,
        binds: Sequence[tuple[str, str]],
        tmp_mb: int,
        overlay: tuple[str, str] | None,
        command: tuple[str, ...],
        storage: SandboxStorage = SandboxStorage(),  # noqa: B008 immutable
        devices: Sequence[str] = (),
    ) -> SandboxPlan:
        """Return the plan of a sandbox with all protections that this machine offers.

        ``overlay``, the folders of changes, is for Batch; without it, it is Lambda's sandbox.
        ``devices`` are further nodes below /dev.
        """
        upper, work = overlay or ("", "")
        is_lambda = overlay is None
        use_filter = Protection.SECCOMP not in self.missing
        profile = SandboxProfile.LAMBDA if is_lambda else SandboxProfile.BATCH
        first_id = FIRST_ID if self.maps_ids else 0
        limit_processes = Protection.PROCESS_LIMIT not in self.missing
        return SandboxPlan(
            root=root,
            upper=upper,
            work=work,
            binds=binds,
            tmp_mb=tmp_mb,
            uid=LAMBDA_UID if is_lambda else 0,
            gid=LAMBDA_GID if is_lambda else 0,
            first_id=first_id,
            id_count=ID_COUNT,
            own_keyring=Protection.SESSION_KEYRING not in self.missing,
            own_cgroups=Protection.CGROUP_NAMESPACE not in self.missing,
            seccomp=compile_filter(os.uname().machine).hex() if use_filter else "",
            processes=PROCESS_LIMITS[profile] if limit_processes else 0,
            files=LAMBDA_OPEN_FILES if is_lambda else 0,
            command=command,
            folders=tuple((m.source, m.target, m.read_only) for m in storage.folders),
            tmpfs=tuple(mount_arguments(mount, first_id) for mount in storage.tmpfs),
            shared_memory_mb=storage.shared_memory_mb or SHARED_MEMORY_MB,
            limits=tuple((LIMIT_NUMBERS[m.name], m.soft, m.hard) for m in storage.limits),
            devices=devices,
        )

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each missing protection."""
        return tuple(f"{WITHOUT[name]} ({reason})." for name, reason in self.missing.items())

    def without(self, protection: Protection, reason: str) -> SandboxSupport:
        """Return the same without one more protection, and without those that depend on it."""
        missing = {**self.missing, protection: reason}
        if protection is Protection.USER_NAMESPACE:
            missing.setdefault(Protection.PROCESS_LIMIT, "it needs a user namespace")
        return SandboxSupport(reason=self.reason, missing=missing)


def find_support(folder: Path, *, release: str = "") -> SandboxSupport:
    """Find what this machine offers by trial runs in ``folder``, which the user owns."""
    support = SandboxSupport()
    release = release or os.uname().release
    if _kernel_version(release) < KERNEL_WITH_COUNTS:
        reason = f"Linux {release} counts the processes of a user, not those of a sandbox"
        support = support.without(Protection.PROCESS_LIMIT, reason)
    if not compile_filter(machine := os.uname().machine):
        support = support.without(Protection.SECCOMP, f"none is known for {machine}")
    if os.geteuid() == 0 and not _has_ids():
        reason = "the user namespace of this server does not have the ids for it"
        support = support.without(Protection.USER_NAMESPACE, reason)
    # Each trial finds at most one missing protection, and the next one does without it.
    for _ in range(len(Protection) + 1):
        error = _try_sandbox(folder, support)
        name, _, reason = error.partition(" ")
        if name not in set(Protection) - set(support.missing):
            return SandboxSupport(reason=error, missing=support.missing)
        support = support.without(Protection(name), reason)
    return support


def _try_sandbox(folder: Path, support: SandboxSupport) -> str:
    """Return the error of a trial run: one line, or empty if all has succeeded."""
    root = folder / "probe"
    remove_tree(root)
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    plan = support.build_plan(
        root=str(root), binds=(), tmp_mb=1, overlay=None, command=("/no-such-command",)
    )
    try:
        result = subprocess.run(
            init_command(plan),
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
    # Everything has succeeded if only the command is missing.
    if "no-such-command" in result.stderr:
        return ""
    lines = result.stderr.strip().splitlines()
    return lines[-1].partition("sandbox: ")[2] or lines[-1] if lines else f"{result.returncode}"


def _has_ids() -> bool:
    """Return whether this process's user namespace has the ids that sandboxes get from root."""
    return all(covers_ids(Path(f"/proc/self/{kind}_map").read_text()) for kind in ("uid", "gid"))


def covers_ids(id_map: str) -> bool:
    """Return whether a map (user_namespaces(7)) has a range with all ids of the sandboxes."""
    ranges = [tuple(map(int, line.split())) for line in id_map.splitlines()]
    return any(
        first <= FIRST_ID and first + count >= FIRST_ID + ID_COUNT for first, _, count in ranges
    )


def _kernel_version(release: str) -> tuple[int, int]:
    """Return the first two numbers of a release; (0, 0) for one of another form."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)
