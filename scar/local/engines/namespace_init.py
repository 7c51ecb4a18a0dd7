"""Become the main process of a rootless sandbox: ``python -I -S enter.py PLAN``.

Run by the sandbox engine as a program of its own, because a process with threads cannot enter
a user namespace. PLAN is JSON (``Plan``); the environment is the sandbox's. The first process
stays outside, passes TERM on and ends as the sandbox's process 1 ended; when it is killed, the
kernel ends process 1 and with it everything in the sandbox.

Only the standard library, and ctypes for what Python has no call for. Numbers are Linux's:
sched.h, mount.h, prctl.h, capability.h.
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
# What containers keep: chown dac_override fowner fsetid kill setgid setuid setpcap
# net_bind_service sys_chroot audit_write setfcap. Not mknod and net_raw: no device guard here.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 29, 31}
HIGHEST_CAPABILITY = 63
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# As Docker has them: oci/defaults.go in moby.
READ_ONLY_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
HIDDEN_PROC = ("kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats")
SETUP_FAILED = 125

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPlan:
    """One sandbox: folders on the host, and the rules it lives under.

    ``upper`` and ``work`` are empty for a read-only root (the lambda profile), else the
    folders of the overlay that takes what is written. ``binds`` are (source, target in the
    root), read-only. ``tmp_mb`` is the size of a /tmp of its own, 0 for none.
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
    """Start the sandbox, wait for it, return its status (128 + n: ended by signal n)."""
    plan = plan_from_json(text)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _unshare_namespaces(plan)
    # Asked for, not handled: a handler of Python's could miss a signal just before a wait.
    watched = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        try:
            _exec_in_sandbox(plan)
        except OSError as error:
            sys.stderr.write(f"The sandbox could not be set up: {error}\n")
        os._exit(SETUP_FAILED)
    while True:
        number = signal.sigwait(watched)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _unshare_namespaces(plan: SandboxPlan) -> None:
    uid, gid = os.getuid(), os.getgid()
    if uid != 0:
        _check_result(_libc.unshare(CLONE_NEWUSER), "unshare(user)")
        _write_file("/proc/self/setgroups", "deny")
        _write_file("/proc/self/uid_map", f"{plan.uid} {uid} 1")
        _write_file("/proc/self/gid_map", f"{plan.gid} {gid} 1")
    spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID
    _check_result(_libc.unshare(spaces), "unshare")


def _exec_in_sandbox(plan: SandboxPlan) -> None:
    environment = _read_initial_environment()
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    root = plan.root
    if plan.upper:
        options = f"lowerdir={plan.root},upperdir={plan.upper},workdir={plan.work}"
        # Who is not root in the first user namespace cannot write trusted attributes.
        if os.stat("/proc/self/ns/user").st_ino != INITIAL_USER_NAMESPACE:  # noqa: PTH116
            options += ",userxattr"
        root = f"{plan.work}.root"
        os.makedirs(root, exist_ok=True)  # noqa: PTH103
        _mount("overlay", root, "overlay", MS_NOSUID | MS_NODEV, options)
    else:
        _mount(root, root, "", MS_BIND | MS_REC)
    for source, target in plan.binds:
        _bind_read_only(source, root + target)
    _mount_proc(root)
    _mount_dev(root, shared_memory=bool(plan.upper))
    if plan.tmp_mb:
        size = f"size={plan.tmp_mb}m,mode=1777"
        _mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size)  # noqa: S108
    _pivot_root(root)
    if not plan.upper:
        _make_read_only("/")
    _drop_privileges(plan)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execve(plan.command[0], plan.command, environment)  # noqa: S606 - that is the point


# inode of the first user namespace: PROC_USER_INIT_INO in linux/proc_ns.h
INITIAL_USER_NAMESPACE = 0xEFFFFFFD


def _mount_proc(root: str) -> None:
    """Mount /proc without what reaches the machine: root in a sandbox may be root outside."""
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
    """Make ``root`` the root. Unlike chroot, nothing of the old one stays reachable."""
    os.chdir(root)
    call = PIVOT_ROOT[os.uname().machine]
    _check_result(_libc.syscall(call, b".", b"."), "pivot_root")
    _check_result(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def _bind_read_only(source: str, target: str) -> None:
    _mount(source, target, "", MS_BIND)
    _make_read_only(target)


def _make_read_only(path: str) -> None:
    # Flags that the file system already has are locked in a user namespace: keep them.
    present = os.statvfs(path).f_flag & (os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME)
    flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
    flags |= present | (os.statvfs(path).f_flag & os.ST_RELATIME) << 9
    _mount("none", path, "", flags)


def _read_initial_environment() -> dict[bytes, bytes]:
    """Return the variables as they came: Python adds LC_CTYPE to its own (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs}


def _drop_privileges(plan: SandboxPlan) -> None:
    for capability in range(HIGHEST_CAPABILITY + 1):
        if plan.uid != 0 or capability not in KEPT_CAPABILITIES:
            _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # unknown numbers fail: no harm
    if os.getuid() != plan.uid:
        os.setgroups([])
        os.setresgid(plan.gid, plan.gid, plan.gid)
        os.setresuid(plan.uid, plan.uid, plan.uid)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setresuid, which forgets it


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    done = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check_result(done, f"mount of {target}")


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
