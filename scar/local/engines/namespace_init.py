"""The main program of a rootless sandbox: ``python -I -S namespace_init.py PLAN``.

The sandbox engine runs it as a separate program, because a process with threads cannot enter a
user namespace. PLAN is a SandboxPlan as JSON; the environment is the sandbox's. The first process
stays outside of the sandbox, forwards SIGTERM, and exits with the status of process 1 inside. When
it is killed, the kernel kills process 1 and with it all processes of the sandbox.

It uses the standard library only, and ctypes for system calls that Python does not offer. The
numbers are from Linux's sched.h, mount.h, prctl.h and capability.h.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# Docker's default: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service
# sys_chroot audit_write setfcap; but without mknod and net_raw, because no device cgroup restricts
# them here.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 29, 31}
HIGHEST_CAPABILITY = 63
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# As in Docker: oci/defaults.go in moby.
READ_ONLY_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
HIDDEN_PROC = ("kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats")
SETUP_FAILED = 125  # exit status; as docker run has for its own errors

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPlan:
    """One sandbox: its folders on the host and its restrictions.

    ``upper`` and ``work`` are the folders of the writable overlay, or empty for a read-only root
    (the lambda profile). ``binds`` are read-only mounts: (source, target in the root). ``tmp_mb``
    is the size of a tmpfs on /tmp, or 0 for none.
    """

    root: str
    upper: str
    work: str
    binds: tuple[tuple[str, str], ...]
    tmp_mb: int
    uid: int
    gid: int
    command: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def plan_from_json(text: str) -> SandboxPlan:
    data = json.loads(text)
    data["binds"] = tuple((source, target) for source, target in data["binds"])
    data["command"] = tuple(data["command"])
    return SandboxPlan(**data)


def main(text: str) -> int:
    """Start the sandbox, wait for it, and return its status (128 + n: killed by signal n)."""
    plan = plan_from_json(text)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _unshare_namespaces(plan)
    # Blocked and read with sigwait: a handler could run just before a wait, which would then miss
    # the signal. Blocked before the fork, so that an early SIGTERM is not lost either.
    awaited = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, awaited)
        try:
            _exec_in_sandbox(plan)
        except OSError as error:
            sys.stderr.write(f"Cannot set up the sandbox: {error}\n")
        os._exit(SETUP_FAILED)
    while True:
        number = signal.sigwait(awaited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _unshare_namespaces(plan: SandboxPlan) -> None:
    """Enter new namespaces; for an unprivileged user also a user namespace, the first of them."""
    uid, gid = os.getuid(), os.getgid()
    if uid != 0:
        _check_result(_libc.unshare(CLONE_NEWUSER), "unshare(user)")
        # The kernel requires this before an unprivileged process may map its group. One user can
        # be mapped without root: the plan's, to the user who runs the local cloud.
        _write_file("/proc/self/setgroups", "deny")
        _write_file("/proc/self/uid_map", f"{plan.uid} {uid} 1")
        _write_file("/proc/self/gid_map", f"{plan.gid} {gid} 1")
    # The new process namespace applies to children: the child of main() becomes process 1.
    spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID
    _check_result(_libc.unshare(spaces), "unshare")


def _exec_in_sandbox(plan: SandboxPlan) -> None:
    """Mount the file systems, drop all privileges and become the command; never returns."""
    environment = _read_initial_environment()
    # Private: mounts made here do not propagate to the host.
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    root = plan.root
    if plan.upper:
        options = f"lowerdir={plan.root},upperdir={plan.upper},workdir={plan.work}"
        # In a user namespace overlayfs cannot use trusted.* attributes, so it uses user.* ones.
        if os.stat("/proc/self/ns/user").st_ino != INITIAL_USER_NAMESPACE:  # noqa: PTH116
            options += ",userxattr"
        root = f"{plan.work}.root"
        os.makedirs(root, exist_ok=True)  # noqa: PTH103
        _mount("overlay", root, "overlay", MS_NOSUID | MS_NODEV, options)
    else:
        # pivot_root needs a mount point; a bind mount of a folder on itself is one.
        _mount(root, root, "", MS_BIND | MS_REC)
    for source, target in plan.binds:
        _bind_read_only(source, root + target)
    _mount_proc(root)
    _mount_dev(root, shared_memory=bool(plan.upper))
    if plan.tmp_mb:
        size = f"size={plan.tmp_mb}m,mode=1777"
        _mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size)  # noqa: S108
    _pivot_root(root)
    # Only now: earlier, the mount points above could not have been used.
    if not plan.upper:
        _make_read_only("/")
    _drop_privileges(plan)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execve(plan.command[0], plan.command, environment)  # noqa: S606 - that is the point


# Inode of the initial user namespace: PROC_USER_INIT_INO in linux/proc_ns.h
INITIAL_USER_NAMESPACE = 0xEFFFFFFD


def _mount_proc(root: str) -> None:
    """Mount /proc without the host's settings: root in a sandbox may be root outside too."""
    proc = f"{root}/proc"
    _mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in READ_ONLY_PROC:
        if os.path.exists(f"{proc}/{name}"):  # noqa: PTH110
            _bind_read_only(f"{proc}/{name}", f"{proc}/{name}")
    for name in HIDDEN_PROC:
        if os.path.exists(f"{proc}/{name}"):  # noqa: PTH110
            _mount("/dev/null", f"{proc}/{name}", "", MS_BIND)


def _mount_dev(root: str, *, shared_memory: bool) -> None:
    dev = f"{root}/dev"
    _mount("tmpfs", dev, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=755")
    for name in DEVICES:
        os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        _mount(f"/dev/{name}", f"{dev}/{name}", "", MS_BIND)
    os.symlink("/proc/self/fd", f"{dev}/fd")  # noqa: PTH211
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{dev}/{name}")  # noqa: PTH211
    if shared_memory:
        os.mkdir(f"{dev}/shm")  # noqa: PTH102
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        _mount("tmpfs", f"{dev}/shm", "tmpfs", flags, "size=64m,mode=1777")


def _pivot_root(root: str) -> None:
    """Make ``root`` the root directory. Unlike with chroot, the old one becomes unreachable."""
    os.chdir(root)
    call = PIVOT_ROOT[os.uname().machine]
    # Old and new root in one place: the old one ends on top, and the unmount removes it.
    # pivot_root(2), "pivot_root(".", ".")".
    _check_result(_libc.syscall(call, b".", b"."), "pivot_root")
    _check_result(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def _bind_read_only(source: str, target: str) -> None:
    _mount(source, target, "", MS_BIND)
    _make_read_only(target)


def _make_read_only(path: str) -> None:
    # In a user namespace the flags of a mount are locked: a remount that lacks one fails.
    present = os.statvfs(path).f_flag & (os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME)
    flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
    flags |= present | (os.statvfs(path).f_flag & os.ST_RELATIME) << 9
    _mount("none", path, "", flags)


def _read_initial_environment() -> dict[bytes, bytes]:
    """Return the original environment: Python adds LC_CTYPE to os.environ (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs}


def _drop_privileges(plan: SandboxPlan) -> None:
    for capability in range(HIGHEST_CAPABILITY + 1):
        if plan.uid != 0 or capability not in KEPT_CAPABILITIES:
            _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # unknown numbers fail harmlessly
    # Groups before the group, the group before the user: each step needs the privileges that the
    # next one gives up.
    if os.getuid() != plan.uid:
        os.setgroups([])
        os.setresgid(plan.gid, plan.gid, plan.gid)
        os.setresuid(plan.uid, plan.uid, plan.uid)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # setresuid has cleared it


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check_result(result, f"mount of {target}")


def _prctl(option: int, value: int) -> None:
    _check_result(_libc.prctl(option, value, 0, 0, 0), f"prctl({option})")


def _check_result(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def _write_file(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
