"""Takes away from a sandbox's process 1 what the image's programs must not have."""

from __future__ import annotations

import os
import resource
import stat

from scar.local.engines.namespaces import system_calls

TYPE_CHECKING = False  # not typing's: importing that takes longer than all of this
if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.engines.namespaces.plan import SandboxPlan

# Docker's default: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service
# sys_chroot audit_write setfcap; but without mknod and net_raw, because no device cgroup restricts
# them here.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 29, 31}
HIGHEST_CAPABILITY = 63


class MissingProtectionError(OSError):
    """The kernel refuses a protection; the first word of the message is its name in the plan."""

    def __init__(self, protection: str, error: OSError) -> None:
        super().__init__(f"{protection} {error.strerror or error}")


def leave_session_keyring() -> None:
    """Join a new session keyring: the parent's may hold keys of the person who started it."""
    try:
        system_calls.join_new_session_keyring()
    except OSError as error:
        raise MissingProtectionError("session_keyring", error) from error


def enter_user_namespace_as_user(plan: SandboxPlan) -> None:
    """Enter a user namespace in which this process's user is the plan's.

    Without root one user can be mapped: the plan's, to the user who runs the local cloud.
    """
    map_one_user(plan.uid, plan.gid)


def map_one_user(inner_uid: int, inner_gid: int) -> None:
    """Enter a user namespace in which this process's user and group are the given ones."""
    uid, gid = os.getuid(), os.getgid()
    system_calls.unshare(system_calls.CLONE_NEWUSER, "user")
    # The kernel requires this before an unprivileged process may map its group.
    write_file("/proc/self/setgroups", "deny")
    write_file("/proc/self/uid_map", f"{inner_uid} {uid} 1")
    write_file("/proc/self/gid_map", f"{inner_gid} {gid} 1")


def enter_user_namespace_as_root(plan: SandboxPlan, map_ids: Callable[[], int]) -> None:
    """Enter a user namespace whose ids are mapped to unused ids of the host, and become its root.

    ``map_ids`` asks the process outside to write the map, because the rights for that are gone
    inside; it returns 0 or the number of the error. All other namespaces and mounts exist already,
    and so belong to the host's root: the sandbox's root has no power over them.
    """
    for descriptor in (1, 2):
        # Of the pipe to the server: /dev/stdout opens it again, which needs the right owner.
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.fchown(descriptor, plan.first_id + plan.uid, plan.first_id + plan.gid)
    try:
        system_calls.unshare(system_calls.CLONE_NEWUSER, "user")
        if number := map_ids():
            raise OSError(number, f"map of user ids: {os.strerror(number)}")  # noqa: TRY301
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    except OSError as error:
        raise MissingProtectionError("user_namespace", error) from error


def raise_hard_limits(plan: SandboxPlan) -> None:
    """Raise the hard limits to the plan's; in a user namespace no user may."""
    for number, _, hard in plan.limits:
        soft, present = resource.getrlimit(number)
        if present != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or hard > present):
            try:
                resource.setrlimit(number, (soft, hard))
            except (OSError, ValueError) as error:
                raise OSError(f"limit {number} cannot be raised to {hard}: {error}") from error


def drop_privileges(plan: SandboxPlan) -> None:
    """Drop capabilities and become the plan's user."""
    for capability in range(HIGHEST_CAPABILITY + 1):
        if plan.uid != 0 or capability not in KEPT_CAPABILITIES:
            system_calls.drop_from_bounding_set(capability)
    if plan.files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (plan.files, plan.files))
    if plan.processes:
        resource.setrlimit(resource.RLIMIT_NPROC, (plan.processes, plan.processes))
    for number, soft, hard in plan.limits:
        resource.setrlimit(number, (soft, hard))
    # Groups before the group, the group before the user: each step needs the privileges that the
    # next one gives up.
    if plan.first_id or os.getuid() != plan.uid:
        os.setgroups([])
        os.setresgid(plan.gid, plan.gid, plan.gid)
        os.setresuid(plan.uid, plan.uid, plan.uid)
    system_calls.prctl(system_calls.PR_SET_NO_NEW_PRIVS, 1)


def filter_system_calls(plan: SandboxPlan) -> None:
    """Install the plan's filter; from now on this process, too, can no longer mount or unshare."""
    try:
        system_calls.install_seccomp_filter(bytes.fromhex(plan.seccomp))
    except OSError as error:
        raise MissingProtectionError("seccomp", error) from error


def write_file(path: str, text: str, folder: int | None = None) -> None:
    """Write a file of /proc, with one write; ``path`` may be below an open folder."""
    descriptor = os.open(path, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
