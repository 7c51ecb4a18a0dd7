"""The folders and file systems in memory that a sandbox mounts, and /dev/shm.

Their paths are the user's, and the image may have symbolic links in them. Therefore they are
mounted when the image is the root directory already: links cannot lead outside. Folders of the host
are out of reach by then: they wait on mount points in /dev, which nothing of the image can change.
"""

from __future__ import annotations

import os

from scar.local.engines.namespaces.system_calls import mount

TYPE_CHECKING = False  # not typing's: importing that takes longer than all mounts
if TYPE_CHECKING:
    from scar.local.engines.namespaces.plan import SandboxPlan

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_MOVE = 32, 4096, 8192
_WAITING = "dev/.scar-volume-"


def hold_folders(plan: SandboxPlan, root: str) -> None:
    """Mount the plan's folders on waiting points; call it before the root changes."""
    for number, (source, _, _) in enumerate(plan.folders):
        waiting = f"{root}/{_WAITING}{number}"
        os.mkdir(waiting)  # noqa: PTH102
        # Opened without following a link in the place of the folder.
        descriptor = os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        mount(f"/proc/self/fd/{descriptor}", waiting, "", MS_BIND)
        os.close(descriptor)


def mount_volumes(plan: SandboxPlan) -> None:
    """Mount everything at its place; call it when the image is the root directory."""
    for number, (_, target, read_only) in enumerate(plan.folders):
        waiting = f"/{_WAITING}{number}"
        _make_folder(plan, target)
        mount(waiting, target, "", MS_MOVE)
        os.rmdir(waiting)  # noqa: PTH106
        flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | (MS_RDONLY if read_only else 0)
        # In a user namespace the flags of a mount are locked: a remount that lacks one fails.
        present = os.statvfs(target).f_flag
        flags |= present & (os.ST_NOEXEC | os.ST_NOATIME) | (present & os.ST_RELATIME) << 9
        mount("none", target, "", flags)
    for target, flags, data in plan.tmpfs:
        _make_folder(plan, target)
        mount("tmpfs", target, "tmpfs", flags, data)


def _make_folder(plan: SandboxPlan, path: str) -> None:
    """Create a mount point and its parents, which belong to the sandbox's root."""
    made = ""
    for name in path.split("/")[1:]:
        made = f"{made}/{name}"
        if os.path.isdir(made):  # noqa: PTH112
            continue
        try:
            os.mkdir(made, 0o755)  # noqa: PTH102
        except FileExistsError:  # another sandbox of this image has made it meanwhile
            continue
        if plan.first_id:
            os.chown(made, plan.first_id, plan.first_id)
