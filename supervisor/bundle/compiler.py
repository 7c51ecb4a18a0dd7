"""Compile a folder of sources into a zip of byte code; run by the bundled Python itself.

The byte code is for exactly that interpreter, and never checked against a source.
"""

from __future__ import annotations

import importlib.util
import marshal
import struct
import sys
import zipfile
from pathlib import Path

UNCHECKED_HASH = 0b01


def byte_code(source: bytes, filename: str) -> bytes:
    """Compile one module to the content of its ``.pyc`` file."""
    code = compile(source, filename, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED_HASH)
    return head + importlib.util.source_hash(source) + marshal.dumps(code)


def main(folder: Path, output: Path, place: str) -> None:
    """Compile every module under ``folder``; STORED, because layers are compressed as a whole."""
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*.py"), key=str):
            name = path.relative_to(folder).as_posix()
            info = zipfile.ZipInfo(f"{name}c", (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, byte_code(path.read_bytes(), f"{place}/{name}"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
