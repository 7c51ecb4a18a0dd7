"""What each engine isolates, tried by scripts that want out; the table is in docs/local-cloud.md.

The ``process`` engine isolates nothing of this and declares it (``filesystem`` in its guarantees).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.namespaces import seccomp
from scar.local.engines.port import SandboxProfile
from scar.local.processes import descendants
from tests.conformance.engine_harness import unavailable
from tests.conformance.sandbox_starter import TIMEOUT
from tests.conformance.system_call_programs import Call, script

if TYPE_CHECKING:
    from tests.conformance.sandbox_starter import SandboxStarter

NUMBERS = seccomp.X86_64.denied
CLONE, SIGCHLD = seccomp.X86_64.clone, 17
NEW_USER, NEW_MOUNTS, NEW_CGROUPS = 0x10000000, 0x00020000, 0x02000000
# Calls of Docker's profile of each release; what older ones allow is tried with ``sandbox`` only.
ALWAYS_DENIED = (
    "unshare", "setns", "mount", "umount2", "pivot_root", "fsopen", "fsmount", "move_mount",
    "open_tree", "mount_setattr", "keyctl", "add_key", "request_key", "bpf", "userfaultfd",
    "perf_event_open", "kexec_load", "init_module", "finit_module", "delete_module",
    "open_by_handle_at", "swapon", "swapoff", "reboot", "settimeofday", "clock_settime",
    "sethostname", "syslog", "acct", "quotactl", "kcmp", "pidfd_getfd", "iopl", "ioperm",
)  # fmt: skip
SANDBOX_ONLY = pytest.mark.parametrize(
    "bench", [pytest.param("sandbox", marks=pytest.mark.container)], indirect=True
)
PROFILES = pytest.mark.parametrize("profile", list(SandboxProfile))
on_x86_64 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the programs are for x86-64 processors"
)


@pytest.fixture
def isolating(bench: SandboxStarter) -> SandboxStarter:
    if not bench.harness.engine.guarantees.filesystem:
        pytest.skip("this engine isolates nothing, and says so")
    return bench


def run(starter: SandboxStarter, text: str, profile: SandboxProfile) -> str:
    sandbox, output = starter.start(text, profile=profile)
    ended = sandbox.wait(TIMEOUT)
    assert ended is not None
    assert ended.status == 0, output.text
    return output.text


def results(starter: SandboxStarter, profile: SandboxProfile, *calls: Call) -> list[int]:
    numbers = [int(line) for line in run(starter, script(*calls), profile).split()]
    assert len(numbers) == len(calls)
    return numbers


@on_x86_64
@PROFILES
def test_denied_system_calls_fail(isolating: SandboxStarter, profile: SandboxProfile) -> None:
    names = tuple(NUMBERS) if isolating.harness.engine.name == "sandbox" else ALWAYS_DENIED
    found = results(isolating, profile, *(Call(NUMBERS[name]) for name in names))
    assert dict(zip(names, found, strict=True)) == dict.fromkeys(names, -errno.EPERM)


@on_x86_64
@PROFILES
def test_no_namespace_can_be_created(isolating: SandboxStarter, profile: SandboxProfile) -> None:
    flags = (NEW_USER, NEW_USER | NEW_MOUNTS, NEW_CGROUPS)
    calls = [
        *(Call(NUMBERS["unshare"], (flag,)) for flag in flags),
        *(Call(CLONE, (flag | SIGCHLD,)) for flag in flags),
    ]
    assert results(isolating, profile, *calls) == [-errno.EPERM] * len(calls)
    # Libraries fall back to clone, whose flags a filter can read.
    assert results(isolating, profile, Call(seccomp.X86_64.clone3)) == [-errno.ENOSYS]


@on_x86_64
@PROFILES
def test_calls_of_32_bits_are_denied_too(
    isolating: SandboxStarter, profile: SandboxProfile
) -> None:
    names = ("unshare", "mount", "keyctl", "bpf", "reboot", "umount")
    calls = [Call(seccomp.I386.denied[name], by_32_bits=True) for name in names]
    if isolating.harness.engine.name == "sandbox":
        calls.append(Call(seccomp.I386.clone, (NEW_USER | SIGCHLD,), by_32_bits=True))
    found = results(isolating, profile, Call(20, by_32_bits=True), *calls)
    if found[0] in {-errno.ENOSYS, -errno.EPERM}:
        unavailable("this kernel runs no programs of 32 bits")
    assert found[1:] == [-errno.EPERM] * len(calls)


@on_x86_64
@PROFILES
def test_a_key_of_the_servers_user_is_not_found(
    isolating: SandboxStarter, profile: SandboxProfile
) -> None:
    put_key_into_session_keyring()
    session, search = -3, 10
    call = Call(NUMBERS["keyctl"], (search, session, "user", "scar-canary", 0))
    assert results(isolating, profile, call) == [-errno.EPERM]


@on_x86_64
@PROFILES
def test_the_x32_numbers_do_not_pass_the_filter(
    isolating: SandboxStarter, profile: SandboxProfile
) -> None:
    x32 = 0x40000000
    calls = [Call(x32 | NUMBERS[name]) for name in ("unshare", "mount", "keyctl")]
    for result in results(isolating, profile, *calls):
        assert result in {-errno.EPERM, -errno.ENOSYS}


def put_key_into_session_keyring() -> None:
    """Add ``scar-canary`` to this process's session keyring, as a login or Kerberos does."""
    libc = ctypes.CDLL(None, use_errno=True)
    data = b"secret"
    serial = libc.syscall(NUMBERS["add_key"], b"user", b"scar-canary", data, len(data), -3)
    if serial < 0:
        unavailable(f"no keys here: {os.strerror(ctypes.get_errno())}")


@SANDBOX_ONLY  # with version 1 of control groups, Docker shares the namespace
@PROFILES
def test_control_groups_of_the_machine_are_not_visible(
    isolating: SandboxStarter, profile: SandboxProfile
) -> None:
    text = run(isolating, "cat /proc/self/cgroup; ls -A /sys; ls -d /sys/fs/* 2>&1 || :", profile)
    groups = [line for line in text.splitlines() if line[0].isdigit()]
    assert groups
    assert all(line.endswith(":/") for line in groups), text


@SANDBOX_ONLY  # Docker maps user ids only if it is configured to
@PROFILES
def test_a_sandbox_has_no_user_of_the_machine(
    isolating: SandboxStarter, profile: SandboxProfile
) -> None:
    sandbox, output = isolating.start("echo ready; sleep 3600", profile=profile)
    output.until(b"ready")
    outside = {
        int(line.split()[1])
        for pid in descendants(os.getpid())
        for line in read_status(pid)
        if line.startswith("Uid:") and pid != os.getpid()
    }
    inside = {uid for uid in outside if uid != os.getuid()}
    if os.getuid() == 0:
        assert inside
        assert all(uid > 0x70000000 - 1 for uid in inside), outside
    else:  # the kernel maps the user who runs the local cloud, and no other
        assert outside == {os.getuid()}
    sandbox.stop(0)


def read_status(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
            return file.read().splitlines()
    except OSError:
        return []


@PROFILES
def test_files_of_the_image_belong_to_its_users(
    isolating: SandboxStarter, profile: SandboxProfile
) -> None:
    text = run(
        isolating, "mkdir -p /tmp; stat -c %u:%g / /bin/busybox /opt/scar /tmp /dev", profile
    )
    if os.getuid() == 0 or profile is SandboxProfile.BATCH:
        assert text.split() == ["0:0"] * 5


def test_a_job_owns_its_file_system(isolating: SandboxStarter) -> None:
    text = run(
        isolating,
        "umask 077; echo a > /etc/made && rm /bin/busybox.new 2>/dev/null;"
        "cp /bin/busybox /bin/new && rm /bin/new && cat /etc/made && id -u",
        SandboxProfile.BATCH,
    )
    assert text == "a\n0\n"


@on_x86_64
def test_a_job_can_change_owners_and_users(isolating: SandboxStarter) -> None:
    if os.getuid() != 0 and isolating.harness.engine.name == "sandbox":
        # Without root a sandbox has one user: setresuid does not know any other.
        found = results(isolating, SandboxProfile.BATCH, Call(117, (1234, 1234, 1234)))
        assert found == [-errno.EINVAL]
        return
    read_only = 0
    found = results(
        isolating,
        SandboxProfile.BATCH,
        Call(85, ("/tmp/file", 0o600)),  # creat
        Call(92, ("/tmp/file", 1234, 5678)),  # chown
        Call(116, (0, 0)),  # setgroups
        Call(119, (5678, 5678, 5678)),  # setresgid
        Call(117, (1234, 1234, 1234)),  # setresuid
        Call(2, ("/tmp/file", read_only)),  # open
        Call(92, ("/tmp/file", 0, 0)),
        Call(102),  # getuid
    )
    assert found == [3, 0, 0, 0, 0, 4, -errno.EPERM, 1234]


@PROFILES
def test_dev_stdout_can_be_opened(isolating: SandboxStarter, profile: SandboxProfile) -> None:
    assert run(isolating, "echo opened > /dev/stdout", profile) == "opened\n"
    assert run(isolating, "echo opened > /dev/stderr", profile) == "opened\n"


def test_lambdas_limits_on_processes_and_files(isolating: SandboxStarter) -> None:
    text = run(isolating, "ulimit -Hn; ulimit -Sn", SandboxProfile.LAMBDA)
    assert text.split() == ["1024", "1024"]


def test_a_fork_bomb_ends_at_lambdas_limit(isolating: SandboxStarter) -> None:
    """Two at once, because the limit is one sandbox's, not that of a user of the machine."""
    bomb = "n=0; while [ $n -lt 1100 ]; do sleep 3600 & n=$((n+1)); echo $n; done; echo all"
    started = [isolating.start(bomb, memory_mb=8192) for _ in range(2)]
    for sandbox, output in started:
        ended = sandbox.wait(TIMEOUT)
        assert ended is not None
        lines = output.text.split()
        assert "all" not in lines
        assert 1000 < sum(line.isdigit() for line in lines) < 1024
        assert ended.status != 0
        assert not ended.out_of_memory
