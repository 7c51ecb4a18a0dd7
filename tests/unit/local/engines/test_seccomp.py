"""The filter of system calls, run by an interpreter of its instructions."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.engines.namespaces import denied_calls, seccomp
from scar.local.engines.namespaces.seccomp import AARCH64, I386, X86_64, CallTable, compile_filter

ALLOW = 0
MACHINES = {"x86_64": (X86_64, I386), "aarch64": (AARCH64,)}
NAMESPACE_FLAGS = {
    "CLONE_NEWNS": 0x20000,
    "CLONE_NEWCGROUP": 0x2000000,
    "CLONE_NEWUTS": 0x4000000,
    "CLONE_NEWIPC": 0x8000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
OTHER_SOCKETS = {12, 19, 20, 23, 25, 34, 37, 38, 40}  # among them AF_ALG and AF_VSOCK
UINT32 = st.integers(0, 2**32 - 1)


def decide(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """Return the error's number that the filter answers with, 0 if it allows the call."""
    data = struct.pack("<IIQQ", number, architecture, 0, argument)
    instructions = list(struct.iter_unpack("=HBBI", program))
    position, accumulator = 0, 0
    while True:
        code, if_true, if_false, value = instructions[position]
        position += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x05:
                position += value
            case 0x15:
                position += if_true if accumulator == value else if_false
            case 0x35:
                position += if_true if accumulator >= value else if_false
            case 0x45:
                position += if_true if accumulator & value else if_false
            case 0x06:
                return 0 if value == 0x7FFF0000 else value & 0xFFFF
            case _:
                raise AssertionError(hex(code))


def expected(table: CallTable, number: int, argument: int) -> int:
    if number >= 467 or number == table.clone3:
        return errno.ENOSYS
    denied = (
        number in table.denied.values()
        or (number == table.clone and argument & sum(NAMESPACE_FLAGS.values()))
        or (number == table.socket and (argument in OTHER_SOCKETS or argument > 45))
        or (number == table.personality and argument not in {0, 8, 0x20000, 0x20008, 0xFFFFFFFF})
    )
    return errno.EPERM if denied else ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_each_number_of_each_architecture(machine: str) -> None:
    program = compile_filter(machine)
    for table in MACHINES[machine]:
        for number in range(600):
            for argument in (0, 17, 0x10000011, 2, 38, 40, 46):
                found = decide(program, table.architecture, number, argument)
                assert found == expected(table, number, argument), (number, argument)


@given(
    machine=st.sampled_from(sorted(MACHINES)),
    number=st.one_of(UINT32, st.integers(0, 500)),
    argument=st.one_of(UINT32, st.sampled_from([0, 8, 0x20000, 0x20008, 0xFFFFFFFF])),
    data=st.data(),
)
def test_any_call_is_decided_by_its_table(
    machine: str, number: int, argument: int, data: st.DataObject
) -> None:
    table = data.draw(st.sampled_from(MACHINES[machine]))
    special = (table.clone, table.socket, table.personality, number)
    number = data.draw(st.sampled_from(special))
    found = decide(compile_filter(machine), table.architecture, number, argument)
    assert found == expected(table, number, argument)


@given(machine=st.sampled_from(sorted(MACHINES)), architecture=UINT32, number=UINT32)
def test_other_architectures_have_no_calls(machine: str, architecture: int, number: int) -> None:
    if architecture not in {table.architecture for table in MACHINES[machine]}:
        assert decide(compile_filter(machine), architecture, number) == errno.ENOSYS


@pytest.mark.parametrize("number", sorted(X86_64.denied.values()))
def test_x32_numbers_do_not_exist(number: int) -> None:
    found = decide(compile_filter("x86_64"), X86_64.architecture, 0x40000000 | number)
    assert found == errno.ENOSYS


@pytest.mark.parametrize("flag", NAMESPACE_FLAGS.values(), ids=NAMESPACE_FLAGS)
@pytest.mark.parametrize("table", [X86_64, I386, AARCH64], ids=["x86_64", "i386", "aarch64"])
def test_clone_creates_processes_but_no_namespaces(table: CallTable, flag: int) -> None:
    program = compile_filter("aarch64" if table is AARCH64 else "x86_64")
    thread = 0x3D0F00  # what pthread_create asks for
    assert decide(program, table.architecture, table.clone, thread) == ALLOW
    assert decide(program, table.architecture, table.clone, thread | flag) == errno.EPERM


def test_the_tables_have_the_same_calls() -> None:
    only_x86 = {"iopl", "ioperm", "vm86", "vm86old", "uselib", "ustat", "sysfs", "_sysctl"}
    only_old = {"create_module", "get_kernel_syms", "query_module", "getpmsg", "putpmsg", "vserver"}
    only_old |= {"afs_syscall", "tuxcall", "security", "stime", "umount", "clock_settime64"}
    common = set(denied_calls.AARCH64)
    assert set(denied_calls.X86_64) - common <= only_x86 | only_old
    assert set(denied_calls.I386) - common <= only_x86 | only_old
    assert common - set(denied_calls.X86_64) == set()
    assert common - set(denied_calls.I386) == {"kexec_file_load"}


HEADERS = {
    "unistd_64.h": (X86_64, "x86_64-linux-gnu/asm"),
    "unistd_32.h": (I386, "x86_64-linux-gnu/asm"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_numbers_are_those_of_the_kernels_headers(name: str) -> None:
    table, folder = HEADERS[name]
    path = Path("/usr/include") / folder / name
    if not path.is_file():
        pytest.skip("no headers of Linux here (package linux-libc-dev)")
    pairs = re.findall(r"#define __NR_(\w+)\s+(\d+)", path.read_text())
    numbers = {call: int(number) for call, number in pairs}
    newer = {"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules"}
    for call, number in table.denied.items():
        assert numbers.get(call) == number or (call in newer and call not in numbers), call
    for call in ("clone", "clone3", "socket", "personality"):
        assert numbers[call] == getattr(table, call)


def test_an_unknown_machine_has_no_filter() -> None:
    assert compile_filter("riscv64") == b""


def test_a_filter_is_as_long_as_the_kernel_allows() -> None:
    for machine in seccomp.TABLES:
        assert 0 < len(compile_filter(machine)) // 8 <= 4096  # BPF_MAXINSNS
