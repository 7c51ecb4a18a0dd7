"""Programs that make system calls and print the results: ELF files for x86-64, without a compiler.

They try what no shell can: the calls that a sandbox must refuse. ``script`` returns a shell script
that contains a program, so that every image with a busybox can run it.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

BASE = 0x400000  # address of the file in memory
HEADERS = 64 + 56
ARGUMENTS = (b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba", b"\x49\xb8", b"\x49\xb9")
WRITE, EXIT = 1, 60


@dataclass(frozen=True, slots=True)
class Call:
    """One system call; texts become addresses. ``by_32_bits``: as programs of 32 bits do it."""

    number: int
    arguments: tuple[int | str, ...] = ()
    by_32_bits: bool = False


def script(*calls: Call) -> str:
    """Return a shell script that makes the calls in order and prints a line with each result.

    A result is the call's value or, negative, its error's number.
    """
    encoded = base64.b64encode(_program(calls)).decode()
    return (
        f"mkdir -p /tmp; cd /tmp; echo {encoded} | base64 -d > program; chmod 755 program;"
        "./program > results; status=$?; od -An -v -w8 -t d8 results; exit $status"
    )


def _program(calls: tuple[Call, ...]) -> bytes:
    # Twice: the first pass finds out how long the code is, and so where the texts are.
    size = len(_code(calls, 0)[0])
    code, texts = _code(calls, BASE + HEADERS + size)
    image = code + texts
    results = 8 * len(calls)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    length = HEADERS + len(image)
    # One segment, readable, writable and executable; its end in memory is for the results.
    header += struct.pack("<IIQQQQQQ", 1, 7, 0, BASE, BASE, length, length + results, 4096)
    return header + image


def _code(calls: tuple[Call, ...], texts_at: int) -> tuple[bytes, bytes]:
    texts = bytearray()
    code = bytearray()
    # The results follow the texts in memory.
    results_at = texts_at + sum(
        len(value.encode()) + 1 for c in calls for value in c.arguments if isinstance(value, str)
    )
    for position, call in enumerate(calls):
        values = []
        for value in call.arguments:
            if isinstance(value, str):
                values.append(texts_at + len(texts))
                texts += value.encode() + b"\0"
            else:
                values.append(value)
        code += _enter_kernel(call.number, values, by_32_bits=call.by_32_bits)
        # mov rbx, address; mov [rbx], rax
        code += b"\x48\xbb" + struct.pack("<Q", results_at + 8 * position) + b"\x48\x89\x03"
    code += _enter_kernel(WRITE, [1, results_at, 8 * len(calls)])
    return bytes(code + _enter_kernel(EXIT, [0])), bytes(texts)


def _enter_kernel(number: int, values: list[int], *, by_32_bits: bool = False) -> bytes:
    if by_32_bits:  # arguments in ebx, ecx, edx; int 0x80; the result's sign in all of rax
        moves = zip((b"\xbb", b"\xb9", b"\xba"), values, strict=False)
        code = b"".join(move + struct.pack("<I", value & 0xFFFFFFFF) for move, value in moves)
        return code + b"\xb8" + struct.pack("<I", number) + b"\xcd\x80\x48\x98"
    code = b"".join(
        move + struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF)
        for move, value in zip(ARGUMENTS, values, strict=False)
    )
    return code + b"\x48\xb8" + struct.pack("<Q", number) + b"\x0f\x05"
