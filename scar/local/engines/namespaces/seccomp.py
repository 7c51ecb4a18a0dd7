"""Compiles the filter of system calls of a sandbox: a program of classic BPF for seccomp.

Docker's default profile is the measure (``denied_calls``): what it refuses to a container without
extra capabilities fails here with the same error. A filter checks the architecture first, because
the same number is another call in each. The layouts are from linux/filter.h, bpf_common.h,
seccomp.h and audit.h.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from scar.local.engines.namespaces import denied_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

LOAD, JUMP, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_ANY_BIT, RETURN = (
    0x20, 0x05, 0x15, 0x35, 0x45, 0x06,
)  # fmt: skip
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
ALLOW: Final = 0x7FFF0000
FAIL: Final = 0x00050000  # plus the error's number
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; NEWTIME is of clone3 only
NEW_NAMESPACES: Final = 0x7E020000
# Of PER_LINUX and PER_LINUX32, with and without UNAME26; and the query
PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
# DECnet, Netfilter's and others of kernels only, AF_KCM, AF_ALG, AF_VSOCK
DENIED_SOCKETS: Final = (12, 19, 20, 23, 25, 34, 37, 38, 40)
FIRST_UNKNOWN_SOCKET: Final = 46


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTable:
    """One architecture: its number in audit.h, the denied calls, and those with rules."""

    architecture: int
    denied: Mapping[str, int]
    clone: int
    clone3: int
    socket: int
    personality: int


X86_64: Final = CallTable(
    architecture=0xC000003E,
    denied=denied_calls.X86_64,
    clone=56,
    clone3=435,
    socket=41,
    personality=135,
)
I386: Final = CallTable(
    architecture=0x40000003,
    denied=denied_calls.I386,
    clone=120,
    clone3=435,
    socket=359,
    personality=136,
)
AARCH64: Final = CallTable(
    architecture=0xC00000B7,
    denied=denied_calls.AARCH64,
    clone=220,
    clone3=435,
    socket=198,
    personality=92,
)
# What the processor runs, by its name in uname(2). 32-bit programs of ARM cannot start.
TABLES: Final = {"x86_64": (X86_64, I386), "aarch64": (AARCH64,)}


@dataclass(slots=True)
class FilterProgram:
    """Instructions with jumps to labels; a conditional jump that is not taken continues."""

    instructions: list[tuple[int, str, int]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def load(self, offset: int) -> None:
        self.instructions.append((LOAD, "", offset))

    def stop(self, action: int) -> None:
        self.instructions.append((RETURN, "", action))

    def jump(self, label: str) -> None:
        self.instructions.append((JUMP, label, 0))

    def jump_if_equal(self, value: int, label: str) -> None:
        self.instructions.append((JUMP_IF_EQUAL, label, value))

    def jump_if_at_least(self, value: int, label: str) -> None:
        self.instructions.append((JUMP_IF_AT_LEAST, label, value))

    def jump_if_any_bit(self, value: int, label: str) -> None:
        self.instructions.append((JUMP_IF_ANY_BIT, label, value))

    def label(self, name: str) -> None:
        self.labels[name] = len(self.instructions)

    def assemble(self) -> bytes:
        """Return the program as an array of ``struct sock_filter``."""
        code = bytearray()
        for position, (operation, label, value) in enumerate(self.instructions):
            distance = self.labels[label] - position - 1 if label else 0
            if operation == JUMP:
                code += struct.pack("=HBBI", operation, 0, 0, distance)
            else:  # struct refuses a distance of more than 255 or less than 0
                code += struct.pack("=HBBI", operation, distance, 0, value)
        return bytes(code)


def compile_filter(machine: str) -> bytes:
    """Return the filter for a machine (as uname names it); empty for an unknown machine."""
    tables = TABLES.get(machine, ())
    if not tables:
        return b""
    program = FilterProgram()
    program.load(ARCHITECTURE)
    for table in tables:
        program.jump_if_equal(table.architecture, f"calls {table.architecture}")
        program.jump(f"after {table.architecture}")
        program.label(f"calls {table.architecture}")
        _append_table(program, table)
        program.label(f"after {table.architecture}")
    program.stop(FAIL | errno.ENOSYS)
    return program.assemble()


def _append_table(program: FilterProgram, table: CallTable) -> None:
    """Append the rules of one architecture; they end with a decision in each case."""
    name = table.architecture
    program.load(NUMBER)
    program.jump_if_at_least(denied_calls.FIRST_UNKNOWN_CALL, f"unknown {name}")
    # Its flags are in memory. As if the kernel were old: libraries fall back to clone.
    program.jump_if_equal(table.clone3, f"unknown {name}")
    program.jump_if_equal(table.clone, f"clone {name}")
    program.jump_if_equal(table.socket, f"socket {name}")
    program.jump_if_equal(table.personality, f"personality {name}")
    for number in sorted(table.denied.values()):
        program.jump_if_equal(number, f"denied {name}")
    program.stop(ALLOW)
    # The kernel reads these three arguments as 32 bits, or has no flags above.
    program.label(f"clone {name}")
    program.load(FIRST_ARGUMENT)
    program.jump_if_any_bit(NEW_NAMESPACES, f"denied {name}")
    program.stop(ALLOW)
    program.label(f"socket {name}")
    program.load(FIRST_ARGUMENT)
    program.jump_if_at_least(FIRST_UNKNOWN_SOCKET, f"denied {name}")
    for family in DENIED_SOCKETS:
        program.jump_if_equal(family, f"denied {name}")
    program.stop(ALLOW)
    program.label(f"personality {name}")
    program.load(FIRST_ARGUMENT)
    for personality in PERSONALITIES:
        program.jump_if_equal(personality, f"allowed {name}")
    program.label(f"denied {name}")
    program.stop(FAIL | errno.EPERM)
    program.label(f"allowed {name}")
    program.stop(ALLOW)
    program.label(f"unknown {name}")
    program.stop(FAIL | errno.ENOSYS)
