"""Which libraries a binary asks its loader for (DT_NEEDED of a 64-bit little-endian ELF file)."""

from __future__ import annotations

import struct

from supervisor.bundle.errors import BundleError

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB = 1, 5


def needed_libraries(data: bytes, machine: int, name: str) -> list[str]:
    """List the libraries' names; raise BundleError unless it is a file for this machine."""
    if data[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", data, 18)[0] != machine:
        raise BundleError(
            f"{name} is not a binary for the wanted machine.",
            remedy="supervisor/bundle/packages.lock names packages of another architecture.",
        )
    loads, dynamic = _read_segments(data)
    if dynamic is None:
        return []
    start, size = dynamic
    entries: list[tuple[int, int]] = [
        struct.unpack_from("<qQ", data, start + 16 * index) for index in range(size // 16)
    ]
    address = next(value for tag, value in entries if tag == DT_STRTAB)
    strings = next(
        offset + address - at for at, offset, length in loads if at <= address < at + length
    )
    return [
        data[strings + value : data.index(b"\0", strings + value)].decode("ascii")
        for tag, value in entries
        if tag == DT_NEEDED
    ]


def _read_segments(data: bytes) -> tuple[list[tuple[int, int, int]], tuple[int, int] | None]:
    """Return the loaded segments as (address, file offset, size), and where the dynamic one is."""
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
