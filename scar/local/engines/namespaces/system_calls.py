"""System calls for which Python has no function, through ctypes.

The numbers are from Linux's sched.h, mount.h, prctl.h, seccomp.h, keyctl.h and unistd.h.
"""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWCGROUP = 0x10000000, 0x20000000, 0x02000000
CLONE_NEWNET = 0x40000000
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
PR_SET_DUMPABLE = 4
SECCOMP_MODE_FILTER = 2
SECCOMP_INSTRUCTION = 8  # bytes
KEYCTL_JOIN_SESSION_KEYRING = 1
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
KEYCTL = {"x86_64": 250, "aarch64": 219}

_libc = ctypes.CDLL(None, use_errno=True)


class _FilterProgram(ctypes.Structure):
    """``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def unshare(namespaces: int, name: str) -> None:
    check_result(_libc.unshare(namespaces), f"unshare({name})")


def join_namespace(descriptor: int, kind: int, name: str) -> None:
    """Join the namespace of an open file of /proc/<pid>/ns; that of processes is for children."""
    check_result(_libc.setns(descriptor, kind), f"setns({name})")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    check_result(result, f"mount of {target}")


def pivot_root_here() -> None:
    """Make the working directory the root directory; unmount the old one."""
    call = PIVOT_ROOT[os.uname().machine]
    # Old and new root in one place: the old one ends on top, and the unmount removes it.
    # pivot_root(2), "pivot_root(".", ".")".
    check_result(_libc.syscall(call, b".", b"."), "pivot_root")
    check_result(_libc.umount2(b".", MNT_DETACH), "umount of the old root")


def join_new_session_keyring() -> None:
    """Leave the session keyring of the parent process for a new, empty one."""
    call = KEYCTL[os.uname().machine]
    serial = _libc.syscall(call, KEYCTL_JOIN_SESSION_KEYRING, None)
    check_result(0 if serial > 0 else -1, "keyctl(JOIN_SESSION_KEYRING)")


def drop_from_bounding_set(capability: int) -> None:
    """Drop a capability; numbers that this kernel does not know are ignored."""
    _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def prctl(option: int, value: int) -> None:
    check_result(_libc.prctl(option, value, 0, 0, 0), f"prctl({option})")


def install_seccomp_filter(instructions: bytes) -> None:
    """Install a filter for this process and all that it starts; it cannot be removed."""
    program = _FilterProgram(len(instructions) // SECCOMP_INSTRUCTION, instructions)
    result = _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
    check_result(result, "prctl(PR_SET_SECCOMP)")


def check_result(result: int, call: str) -> None:
    """Raise OSError with the call's name unless its result is 0."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
