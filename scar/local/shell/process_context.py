"""What surrounds a process: namespaces, root, working folder, user and restrictions."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.engines.namespaces.seccomp import compile_filter
from scar.local.engines.namespaces.system_calls import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)
from scar.local.processes import start_time
from scar.local.shell.run_process import RunProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.local.shell.run_process import RunProcess

# Files of /proc/<pid>/ns, with the flag of each for setns.
NAMESPACES = {
    "cgroup": CLONE_NEWCGROUP,
    "ipc": CLONE_NEWIPC,
    "mnt": CLONE_NEWNS,
    "net": CLONE_NEWNET,
    "pid": CLONE_NEWPID,
    "user": CLONE_NEWUSER,
    "uts": CLONE_NEWUTS,
}
_SECCOMP_FILTER = "2"  # in the field Seccomp of /proc/<pid>/status


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessContext:
    """A process's surroundings as open descriptors, valid while ``open_context`` is open.

    ``as_root``: this process is root. ``namespaces`` has those that differ from this process's,
    ``root`` is None if it is this process's. ``user``, ``group`` and ``groups`` are ids in the
    process's user namespace. ``capabilities`` is the bounding set as a bit mask,
    ``system_call_filter`` a program for seccomp; empty: none.
    """

    as_root: bool
    namespaces: Mapping[str, int]
    root: int | None
    folder: int
    user: int
    group: int
    groups: tuple[int, ...]
    capabilities: int
    no_new_privileges: bool
    system_call_filter: bytes


@contextlib.contextmanager
def open_context(process: RunProcess) -> Iterator[ProcessContext]:
    """Open the context of a process; raise RunProcessError if that is not possible."""
    with contextlib.ExitStack() as stack:
        try:
            context = _open(Path(f"/proc/{process.pid}"), stack)
        except OSError as error:
            raise RunProcessError(
                f"The run's process {process.pid} cannot be entered: {error.strerror}.",
                remedy="Only the user who started the local cloud, and root, can enter it.",
            ) from error
        # The descriptors are those of this process only if the id has not been reused meanwhile.
        if start_time(process.pid) != process.started:
            raise RunProcessError(
                f"The run's process {process.pid} has ended.", remedy="`scar why` of the run."
            )
        yield context


def _open(folder: Path, stack: contextlib.ExitStack) -> ProcessContext:
    def open_path(name: str, flags: int) -> int:
        descriptor = os.open(folder / name, flags)
        stack.callback(os.close, descriptor)
        return descriptor

    namespaces = {
        name: open_path(f"ns/{name}", os.O_RDONLY)
        for name in NAMESPACES
        if not _is_same(folder / "ns" / name, Path("/proc/self/ns") / name)
    }
    has_own_root = "mnt" in namespaces or not _is_same(folder / "root", Path("/"))
    status = parse_status((folder / "status").read_text())
    users, groups = (
        ((folder / name).read_text() if "user" in namespaces else "0 0 4294967295")
        for name in ("uid_map", "gid_map")
    )
    # The second of four numbers is the effective id.
    user = map_id(users, int(status["Uid"].split()[1]))
    group = map_id(groups, int(status["Gid"].split()[1]))
    if user is None or group is None:
        raise PermissionError(errno.EPERM, "its user is not mapped")
    return ProcessContext(
        as_root=os.geteuid() == 0,
        namespaces=namespaces,
        root=open_path("root", os.O_PATH | os.O_DIRECTORY) if has_own_root else None,
        folder=open_path("cwd", os.O_PATH | os.O_DIRECTORY),
        user=user,
        group=group,
        groups=tuple(
            inside
            for outside in status["Groups"].split()
            if (inside := map_id(groups, int(outside))) is not None
        ),
        capabilities=int(status["CapBnd"], 16),
        no_new_privileges=status.get("NoNewPrivs") == "1",
        # A filter cannot be read without being root, so the command gets the engine's own.
        system_call_filter=compile_filter(os.uname().machine)
        if status.get("Seccomp") == _SECCOMP_FILTER
        else b"",
    )


def parse_status(text: str) -> dict[str, str]:
    """Return the fields of ``/proc/<pid>/status``."""
    fields = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in fields}


def map_id(id_map: str, outside: int) -> int | None:
    """Return the id in a user namespace of an id outside; None if it has none.

    ``id_map`` is ``uid_map`` or ``gid_map`` of /proc (user_namespaces(7)): lines of the first id
    inside, the first id outside, and the number of ids.
    """
    for line in id_map.splitlines():
        first, first_outside, count = map(int, line.split())
        if 0 <= outside - first_outside < count:
            return first + outside - first_outside
    return None


def _is_same(one: Path, other: Path) -> bool:
    a, b = one.stat(), other.stat()
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
