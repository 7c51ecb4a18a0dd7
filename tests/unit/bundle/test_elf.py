"""The loader's questions are read from a binary's own tables."""

from __future__ import annotations

import struct

import pytest

from supervisor.bundle.elf import needed_libraries
from supervisor.bundle.errors import BundleError


def a_library(*names: str, machine: int = 62) -> bytes:
    """The smallest ELF file with these DT_NEEDED entries, loaded at 0x1000."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    offsets = [strings.index(b"\0" + name.encode() + b"\0") + 1 for name in names]
    table, base = 64, 0x1000
    text = table + 2 * 56
    dynamic = text + len(strings)
    entries = [(5, base + text), *((1, offset) for offset in offsets), (0, 0)]
    packed = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    size = dynamic + len(packed)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, table, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    place = struct.pack("<IIQQQQQQ", 2, 6, dynamic, 0, 0, len(packed), len(packed), 8)
    return head + load + place + strings + packed


def test_the_needed_libraries_are_listed() -> None:
    assert needed_libraries(a_library("libc.so.6", "libm.so.6"), 62, "x") == [
        "libc.so.6",
        "libm.so.6",
    ]
    assert needed_libraries(a_library(), 62, "x") == []


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n" * 9, a_library(machine=183)])
def test_a_file_for_another_machine_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="lib/x is not an ELF file"):
        needed_libraries(data, 62, "lib/x")
