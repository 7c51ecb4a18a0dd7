"""The libraries that a binary needs: DT_NEEDED of a 64-bit little-endian ELF file."""

from __future__ import annotations

import struct

from supervisor.bundle.errors import BundleError

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB = 1, 5


def needed_libraries(data: bytes, machine: int, name: str) -> list[str]:
    """Return the libraries' names; raise BundleError if it is not a file for ``machine``."""
    if data[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", data, 18)[0] != machine:
        raise BundleError(
            f"{name} is not an ELF file for the target machine.",
            remedy="supervisor/bundle/packages.lock has packages of another architecture.",
        )
    loads, dynamic = _read_segments(data)
    if dynamic is None:
        return []
    start, size = dynamic
    entries: list[tuple[int, int]] = [
        struct.unpack_from("<qQ", data, start + 16 * index) for index in range(size // 16)
    ]
    address = next(value for tag, value in entries if tag == DT_STRTAB)
    # DT_STRTAB is a virtual address: translate it to a file offset with the loaded segments.
    strings = next(
        offset + address - at for at, offset, length in loads if at <= address < at + length
    )
    return [
        data[strings + value : data.index(b"\0", strings + value)].decode("ascii")
        for tag, value in entries
        if tag == DT_NEEDED
    ]


def _read_segments(data: bytes) -> tuple[list[tuple[int, int, int]], tuple[int, int] | None]:
    """Return the loaded segments (address, offset, size) and the dynamic one (offset, size)."""
    # Elf64_Ehdr: e_phoff at 32, e_phnum at 56; an Elf64_Phdr has 56 bytes.
    (table,) = struct.unpack_from("<Q", data, 32)
    (count,) = struct.unpack_from("<H", data, 56)
    loads: list[tuple[int, int, int]] = []
    dynamic: tuple[int, int] | None = None
    for index in range(count):
        kind, _, offset, address, _, size, _, _ = struct.unpack_from(
            "<IIQQQQQQ", data, table + 56 * index
        )
        if kind == PT_LOAD:
            loads.append((address, offset, size))
        elif kind == PT_DYNAMIC:
            dynamic = (offset, size)
    return loads, dynamic
