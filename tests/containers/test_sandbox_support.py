"""What the sandbox engine finds and says on kernels that offer less."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scar.local.engines.namespaces.plan import Protection
from scar.local.engines.namespaces.seccomp import (
    ALLOW,
    FAIL,
    FIRST_ARGUMENT,
    NUMBER,
    X86_64,
    FilterProgram,
)
from scar.local.engines.sandbox import SandboxEngine
from scar.local.engines.sandbox_support import (
    WITHOUT,
    SandboxSupport,
    covers_ids,
    find_support,
    init_command,
)
from tests.conformance.engine_harness import RootFsHarness, unavailable
from tests.conformance.sandbox_starter import SandboxStarter
from tests.conformance.system_call_programs import Call, script
from tests.conformance.test_isolation import put_key_into_session_keyring

pytestmark = [
    pytest.mark.container,
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filters are for x86-64"),
]

UNSHARE, KEYCTL, PRCTL = X86_64.denied["unshare"], X86_64.denied["keyctl"], 157
NEW_USER, NEW_CGROUPS, NEW_PROCESSES, SET_SECCOMP = 0x10000000, 0x02000000, 0x20000000, 22
ROOT = Path(__file__).parent.parent.parent
# A process with a kernel that lacks something: a filter of its own denies the call.
TRIAL = """
import dataclasses, json, sys
from pathlib import Path
from scar.local.engines.namespaces import system_calls
from scar.local.engines.sandbox_support import find_support
system_calls.prctl(system_calls.PR_SET_NO_NEW_PRIVS, 1)
system_calls.install_seccomp_filter(bytes.fromhex(sys.argv[1]))
print(json.dumps(dataclasses.asdict(find_support(Path(sys.argv[2])))))
"""


def kernel_without(call: int, argument: int | None, *, any_bit: bool = False) -> bytes:
    """Return a filter that denies one call, or the call with one first argument."""
    program = FilterProgram()
    program.load(NUMBER)
    program.jump_if_equal(call, "found")
    program.stop(ALLOW)
    program.label("found")
    if argument is not None:
        program.load(FIRST_ARGUMENT)
        jump = program.jump_if_any_bit if any_bit else program.jump_if_equal
        jump(argument, "denied")
        program.stop(ALLOW)
    program.label("denied")
    program.stop(FAIL | 1)
    return program.assemble()


def support_on(kernel: bytes, folder: Path) -> SandboxSupport:
    done = subprocess.run(
        [sys.executable, "-c", TRIAL, kernel.hex(), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout)
    missing = {Protection(name): reason for name, reason in found["missing"].items()}
    return SandboxSupport(reason=found["reason"], missing=missing)


CASES = {
    "keyctl": (kernel_without(KEYCTL, None), {Protection.SESSION_KEYRING}),
    "seccomp": (kernel_without(PRCTL, SET_SECCOMP), {Protection.SECCOMP}),
    "cgroup": (kernel_without(UNSHARE, NEW_CGROUPS), {Protection.CGROUP_NAMESPACE}),
    "user": (
        kernel_without(UNSHARE, NEW_USER),
        {Protection.USER_NAMESPACE, Protection.PROCESS_LIMIT},
    ),
}


@pytest.fixture(autouse=True)
def complete(tmp_path: Path) -> None:
    support = find_support(tmp_path / "complete")
    if support.reason or support.missing:
        unavailable(f"the sandbox engine is not complete here: {support}")


@pytest.mark.parametrize("case", CASES)
def test_what_the_kernel_lacks_is_named_and_done_without(case: str, tmp_path: Path) -> None:
    kernel, missing = CASES[case]
    if case == "user" and os.getuid() != 0:
        pytest.skip("without root there are no sandboxes without user namespaces")
    support = support_on(kernel, tmp_path)
    assert support.reason == ""
    assert set(support.missing) == missing
    engine = SandboxEngine(tmp_path / "engine", support)
    for protection in missing:
        assert any(WITHOUT[protection] in note for note in engine.guarantees.notes)
    starter = SandboxStarter(RootFsHarness(tmp_path, engine))
    assert starter.run("echo works")[1] == "works\n"
    engine.close()


# Root of a user namespace with the ids of a rootless container, and no others.
IN_CONTAINER = """
import os, sys
from scar.local.engines.namespaces import privileges, system_calls
wanted, ask = os.pipe()
mapped, answer = os.pipe()
child = os.fork()
if child:
    os.read(wanted, 1)
    for kind in ("uid", "gid"):
        privileges.write_file(f"/proc/{child}/{kind}_map", "0 0 65536")
    os.write(answer, b"1")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
system_calls.unshare(system_calls.CLONE_NEWUSER, "user")
os.write(ask, b"1")
os.read(mapped, 1)
"""
RUN = """
support = find_support(Path(sys.argv[2]))
from scar.local.engines.sandbox import SandboxEngine
from tests.conformance.engine_harness import RootFsHarness
from tests.conformance.sandbox_starter import SandboxStarter
engine = SandboxEngine(Path(sys.argv[2]) / "engine", support)
starter = SandboxStarter(RootFsHarness(Path(sys.argv[2]), engine))
print(json.dumps([sorted(support.missing), starter.run("id -u")[1]]))
engine.close()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can map so many ids")
def test_in_a_container_with_few_ids_sandboxes_have_no_user_namespace(tmp_path: Path) -> None:
    imports = TRIAL.partition("system_calls.prctl")[0]
    done = subprocess.run(
        [sys.executable, "-c", IN_CONTAINER + imports + RUN, "", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["process_limit", "user_namespace"], "993\n"]


@pytest.mark.parametrize(
    ("id_map", "covers"),
    [
        ("         0          0 4294967295\n", True),
        ("0 100000 65536\n", False),
        ("0 0 1\n1 100000 65535\n", False),
        ("0 0 1879048192\n", False),
        ("0 0 2147483648\n", True),
        ("0 0 2147483647\n", False),
        ("0 0 10\n1879048192 5 268435456\n", True),
        ("1879048193 5 268435456\n", False),
        ("", False),
    ],
)
def test_the_ids_of_sandboxes_must_all_be_mapped(id_map: str, covers: bool) -> None:
    assert covers_ids(id_map) is covers


def test_a_complete_engine_says_nothing_of_protections(tmp_path: Path) -> None:
    engine = SandboxEngine(tmp_path, SandboxSupport())
    notes = " ".join(engine.guarantees.notes)
    assert not [sentence for sentence in WITHOUT.values() if sentence in notes]


def test_a_sandbox_that_loses_a_protection_does_not_start(tmp_path: Path) -> None:
    """After the trial run each protection is required: none is left out silently."""
    engine = SandboxEngine(tmp_path / "engine", SandboxSupport())
    plan = SandboxSupport().build_plan(
        root="/", binds=(), tmp_mb=1, overlay=None, command=("/bin/true",)
    )
    code = "from scar.local.engines.namespaces import system_calls as s; import os, sys;"
    code += "s.prctl(38, 1); s.install_seccomp_filter(bytes.fromhex(sys.argv[1]));"
    code += "os.execv(sys.argv[2], sys.argv[2:])"
    done = subprocess.run(
        [sys.executable, "-c", code, CASES["keyctl"][0].hex(), *init_command(plan)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 125
    assert "session_keyring" in done.stderr
    engine.close()


def test_without_process_namespaces_there_are_no_sandboxes(tmp_path: Path) -> None:
    support = support_on(kernel_without(UNSHARE, NEW_PROCESSES, any_bit=True), tmp_path)
    assert "unshare" in support.reason


@pytest.mark.parametrize("release", ["5.10.0-23-amd64", "4.19.0", "5.13.19-generic", "5.13-rc7"])
def test_old_kernels_cannot_count_processes(release: str, tmp_path: Path) -> None:
    assert set(find_support(tmp_path, release=release).missing) == {Protection.PROCESS_LIMIT}


@pytest.mark.parametrize("release", ["5.14.0", "5.14-rc1", "6.1.0-18-amd64", "10.0"])
def test_newer_kernels_count_processes(release: str, tmp_path: Path) -> None:
    assert find_support(tmp_path, release=release).missing == {}


def test_the_session_keyring_is_the_sandboxs_even_without_a_filter(tmp_path: Path) -> None:
    put_key_into_session_keyring()
    search = Call(KEYCTL, (10, -3, "user", "scar-canary", 0))
    found = {}
    for missing in ({Protection.SECCOMP}, {Protection.SECCOMP, Protection.SESSION_KEYRING}):
        support = SandboxSupport(missing=dict.fromkeys(missing, "tested"))
        engine = SandboxEngine(tmp_path / "engine", support)
        starter = SandboxStarter(RootFsHarness(tmp_path, engine))
        found[len(missing)] = int(starter.run(script(search))[1])
        engine.close()
    no_key = -126
    assert found[1] == no_key
    assert found[2] > 0, "the test itself finds no key"


def test_a_sandbox_whose_server_has_ended_before_it_could_notice_does_not_run(
    tmp_path: Path,
) -> None:
    support = find_support(tmp_path)
    root = tmp_path / "root"
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    plan = support.build_plan(
        root=str(root), binds=(), tmp_mb=1, overlay=None, command=("/no-such-command",)
    )
    output, servers_end = os.pipe()
    os.close(output)
    done = subprocess.run(
        init_command(plan), stdout=servers_end, stderr=subprocess.PIPE, check=False, timeout=300
    )
    os.close(servers_end)
    assert (done.returncode, done.stderr) == (125, b"")
