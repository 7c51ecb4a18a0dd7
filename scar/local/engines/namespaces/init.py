"""The main program of a sandbox: ``main(PLAN)``, run by the engine as a program of its own.

PLAN is an encoded SandboxPlan; the environment is the sandbox's. The first process stays outside of
the sandbox, forwards SIGTERM, and exits with the status of process 1 inside. When it is killed,
the kernel kills process 1 and with it all processes of the sandbox. It is killed when the thread
that started it ends (prctl(2)), and so when the server is killed.
"""

from __future__ import annotations

import marshal
import os
import select
import sys
from binascii import a2b_base64
from types import SimpleNamespace

from scar.local.engines.namespaces import privileges
from scar.local.engines.namespaces.mounts import enter_file_system
from scar.local.engines.namespaces.system_calls import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    PR_SET_PDEATHSIG,
    join_namespace,
    prctl,
    unshare,
)

TYPE_CHECKING = False  # not typing's: importing that takes longer than all mounts
if TYPE_CHECKING:
    import signal

    from scar.local.engines.namespaces.plan import SandboxPlan
else:
    import _signal as signal  # the same functions; signal's enums take a third of the start

SETUP_FAILED = 125  # exit status; as docker run has for its own errors
SETUP_ERROR = "Cannot set up the sandbox: "
# The supervisor's entrypoint (supervisor/bundle/launch.c) takes a TERM that was blocked before it.
TAKES_BLOCKED_TERM = "/opt/scar/launch"


def main(text: str) -> int:
    """Start the sandbox, wait for it, and return its status (128 + n: killed by signal n)."""
    # Not JSON: its module imports re, which takes longer than all mounts.
    fields = marshal.loads(a2b_base64(text))  # noqa: S302 - the server's, of the same Python
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        return _run_sandbox(SimpleNamespace(**fields))  # type: ignore[arg-type]
    except OSError as error:
        return _report(error)


def _run_sandbox(plan: SandboxPlan) -> int:
    _enter_namespaces(plan)
    # Blocked and read with sigwait: a handler could run just before a wait, which would then miss
    # the signal. Blocked before the fork, so that an early SIGTERM is not lost either.
    awaited = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    mapping = _IdMapping(plan)
    child = os.fork()
    if child == 0:
        # Not TERM: the kernel drops one that comes before process 1 has a handler, if not blocked.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, awaited[1:])
        try:
            _exec_in_sandbox(plan, mapping)
        except OSError as error:
            os._exit(_report(error))
        os._exit(SETUP_FAILED)
    mapping.serve(child)
    return _wait_for(child, awaited)


def _enter_namespaces(plan: SandboxPlan) -> None:
    if plan.own_keyring:
        privileges.leave_session_keyring()
    is_root = os.getuid() == 0  # this user is 0 in the owner of the network, too
    if plan.network >= 0:
        _join_network(plan)
    if not is_root:
        privileges.enter_user_namespace_as_user(plan)
    # The new process namespace applies to children: the child below becomes process 1.
    unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID, "mount, uts, ipc, pid")
    if plan.own_cgroups:
        try:
            unshare(CLONE_NEWCGROUP, "cgroup")
        except OSError as error:
            raise privileges.MissingProtectionError("cgroup_namespace", error) from error


def _join_network(plan: SandboxPlan) -> None:
    """Enter the network of a node; the sandbox's own root gets no power over it."""
    if plan.network_owner >= 0:
        join_namespace(plan.network_owner, CLONE_NEWUSER, "user")
        os.close(plan.network_owner)
    join_namespace(plan.network, CLONE_NEWNET, "net")
    os.close(plan.network)  # the image's programs must not have it


def _wait_for(child: int, awaited: tuple[signal.Signals, ...]) -> int:
    """Forward signals until process 1 ends; return its status."""
    while True:
        number = signal.sigwait(awaited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


class _IdMapping:
    """Two pipes by which process 1 asks the process outside to map its user ids.

    The process outside holds ``_answer`` open as long as it lives, so that process 1 can tell
    whether it has a parent.
    """

    def __init__(self, plan: SandboxPlan) -> None:
        self._plan = plan
        # The host's: after the mounts, /proc is the sandbox's for both processes.
        self._proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
        self._wanted, self._ask = os.pipe()
        self._answered, self._answer = os.pipe()

    def serve(self, child: int) -> None:
        """Outside: map the ids of process 1 when it asks; return if it has ended instead."""
        os.close(self._ask)
        os.close(self._answered)
        if os.read(self._wanted, 1):
            try:
                ids = f"0 {self._plan.first_id} {self._plan.id_count}"
                privileges.write_file(f"{child}/uid_map", ids, self._proc)
                privileges.write_file(f"{child}/gid_map", ids, self._proc)
            except OSError as error:
                os.write(self._answer, str(error.errno).encode())
            else:
                os.write(self._answer, b"0")
        os.close(self._proc)

    def enter(self) -> None:
        """In process 1: forget the outside's ends of the pipes."""
        os.close(self._wanted)
        os.close(self._answer)
        os.close(self._proc)

    def ask(self) -> int:
        """In process 1: wait until the ids are mapped; return 0 or the number of the error."""
        os.write(self._ask, b"1")
        return int(os.read(self._answered, 8) or b"5")

    def parent_has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self._answered, 0)  # reports only that the other end is closed
        return bool(poll.poll(0))


def _server_has_ended() -> bool:
    """Return whether the output has no reader any more: the server was the only one."""
    poll = select.poll()
    poll.register(1, 0)  # reports only that the other end is closed
    return bool(poll.poll(0))


def _exec_in_sandbox(plan: SandboxPlan, mapping: _IdMapping) -> None:
    """Mount the file systems, drop all privileges and become the command; never returns."""
    mapping.enter()
    environment = _read_initial_environment()
    enter_file_system(plan)
    privileges.raise_hard_limits(plan)
    if plan.first_id:
        privileges.enter_user_namespace_as_root(plan, mapping.ask)
    privileges.drop_privileges(plan)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setresuid, which clears it
    # If one of them has ended before its child asked for the signal, none came.
    if mapping.parent_has_ended() or _server_has_ended():
        os._exit(SETUP_FAILED)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    if plan.command[0] != TAKES_BLOCKED_TERM:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    if plan.seccomp:
        privileges.filter_system_calls(plan)
    os.execve(plan.command[0], plan.command, environment)  # noqa: S606 - that is the point


def _read_initial_environment() -> dict[bytes, bytes]:
    """Return the original environment: Python adds LC_CTYPE to os.environ (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs}


def _report(error: OSError) -> int:
    sys.stderr.write(f"{SETUP_ERROR}{error}\n")
    sys.stderr.flush()
    return SETUP_FAILED
