"""The file system of a sandbox: the image, /proc, /dev and /tmp, and nothing of the host."""

from __future__ import annotations

import os

from scar.local.engines.namespaces.system_calls import mount, pivot_root_here
from scar.local.engines.namespaces.volumes import hold_folders, mount_volumes

TYPE_CHECKING = False  # not typing's: importing that takes longer than all mounts
if TYPE_CHECKING:
    from scar.local.engines.namespaces.plan import SandboxPlan

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# As in Docker: oci/defaults.go in moby.
READ_ONLY_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
HIDDEN_PROC = ("kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats")
# Inode of the initial user namespace: PROC_USER_INIT_INO in linux/proc_ns.h
INITIAL_USER_NAMESPACE = 0xEFFFFFFD


def enter_file_system(plan: SandboxPlan) -> None:
    """Mount the sandbox's file systems and make the image the root directory."""
    # Private: mounts made here do not propagate to the host.
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    root = plan.root
    if plan.upper:
        options = f"lowerdir={plan.root},upperdir={plan.upper},workdir={plan.work}"
        # In a user namespace overlayfs cannot use trusted.* attributes, so it uses user.* ones.
        if os.stat("/proc/self/ns/user").st_ino != INITIAL_USER_NAMESPACE:  # noqa: PTH116
            options += ",userxattr"
        root = f"{plan.work}.root"
        os.makedirs(root, exist_ok=True)  # noqa: PTH103
        mount("overlay", root, "overlay", MS_NOSUID | MS_NODEV, options)
    else:
        # pivot_root needs a mount point; a bind mount of a folder on itself is one.
        mount(root, root, "", MS_BIND | MS_REC)
    for source, target in plan.binds:
        _bind_read_only(source, root + target)
    # The folders in memory belong to the sandbox's root, not to the host's.
    owner = f",uid={plan.first_id},gid={plan.first_id}" if plan.first_id else ""
    _mount_proc(root)
    devices = (*(f"/dev/{name}" for name in DEVICES), *plan.devices)
    shared_memory_mb = plan.shared_memory_mb if plan.upper else 0
    _mount_dev(root, owner, devices, shared_memory_mb=shared_memory_mb)
    if plan.tmp_mb:
        size = f"size={plan.tmp_mb}m,mode=1777{owner}"
        mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size)  # noqa: S108
    hold_folders(plan, root)
    # Unlike with chroot, the old root becomes unreachable.
    os.chdir(root)
    pivot_root_here()
    os.chdir("/")
    mount_volumes(plan)
    # Only now: earlier, the mount points above could not have been used.
    if not plan.upper:
        _make_read_only("/")


def _mount_proc(root: str) -> None:
    """Mount /proc without the host's settings: root in a sandbox may be root outside too."""
    proc = f"{root}/proc"
    mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in READ_ONLY_PROC:
        if os.path.exists(f"{proc}/{name}"):  # noqa: PTH110
            _bind_read_only(f"{proc}/{name}", f"{proc}/{name}")
    for name in HIDDEN_PROC:
        if os.path.exists(f"{proc}/{name}"):  # noqa: PTH110
            mount("/dev/null", f"{proc}/{name}", "", MS_BIND)


def _mount_dev(root: str, owner: str, devices: tuple[str, ...], *, shared_memory_mb: int) -> None:
    dev = f"{root}/dev"
    mount("tmpfs", dev, "tmpfs", MS_NOSUID | MS_NOEXEC, f"size=64k,mode=755{owner}")
    for device in devices:
        node = f"{dev}/{device.rpartition('/')[2]}"
        os.close(os.open(node, os.O_CREAT | os.O_WRONLY, 0o666))
        mount(device, node, "", MS_BIND)
    os.symlink("/proc/self/fd", f"{dev}/fd")  # noqa: PTH211
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{dev}/{name}")  # noqa: PTH211
    if shared_memory_mb:
        os.mkdir(f"{dev}/shm")  # noqa: PTH102
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        size = f"size={shared_memory_mb}m,mode=1777{owner}"
        mount("tmpfs", f"{dev}/shm", "tmpfs", flags, size)


def _bind_read_only(source: str, target: str) -> None:
    mount(source, target, "", MS_BIND)
    _make_read_only(target)


def _make_read_only(path: str) -> None:
    # In a user namespace the flags of a mount are locked: a remount that lacks one fails.
    present = os.statvfs(path).f_flag & (os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME)
    flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
    flags |= present | (os.statvfs(path).f_flag & os.ST_RELATIME) << 9
    mount("none", path, "", flags)
