"""Finds a write-ahead log of SQLite that was removed, cut or overwritten after a crash.

After a server was killed, its last transactions are in ``<database>-wal`` only. SQLite ignores
what it cannot read there, without an error. Beside it, ``<database>-shm`` has the number of valid
frames. Source: "WAL-mode File Format", sqlite.org/walformat.html.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_LOG_HEADER = 32
_FRAME_HEADER = 24
_MAGIC = (0x377F0682, 0x377F0683)


def find_damage(database: Path) -> str:
    """Return what is wrong with the log of a database, to complete "It …"; empty if nothing is."""
    log, shared = Path(f"{database}-wal"), Path(f"{database}-shm")
    for path in (log, shared):
        if os.path.lexists(path) and not path.is_file():
            return f"has a write-ahead log, {path}, that is not a regular file"
    header = _read_start(log, _LOG_HEADER)
    if header and (len(header) < _LOG_HEADER or struct.unpack(">I", header[:4])[0] not in _MAGIC):
        return f"has a damaged write-ahead log, {log}"
    index = _read_start(shared, 48)
    # After a loss of power the index may be newer than the log: SQLite keeps what is there.
    if len(index) < 48 or not _is_of_this_boot(shared):
        return ""
    return _find_lost_frames(log, header, index)


def _find_lost_frames(log: Path, header: bytes, index: bytes) -> str:
    """Compare the log with its index, which was in memory shared by all connections."""
    (page, frames), salt = struct.unpack("=HI", index[14:20]), index[32:40]
    if not frames:
        return ""
    if not header:
        return f"has lost its write-ahead log, {log}, with its last changes"
    page = 65536 if page == 1 else page
    expected = _LOG_HEADER + frames * (page + _FRAME_HEADER)
    if salt == header[16:24] and log.stat().st_size < expected:
        return f"has a write-ahead log, {log}, that was cut: it lacks the last changes"
    return ""


def _read_start(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        return b""


def _is_of_this_boot(path: Path) -> bool:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return path.stat().st_mtime >= int(line.split()[1])
    return False
