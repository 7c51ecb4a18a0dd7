"""Builds deterministic layers: the same files give the same bytes on any host at any time."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from scar.image.formats.blobs import Blob

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LayerFile:
    """A regular file of a layer, owned by root."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class LayerFolder:
    """A folder; needed only if it is empty or its mode is not 0755."""

    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class LayerSymlink:
    """A symbolic link."""

    target: str


LayerEntry = LayerFile | LayerFolder | LayerSymlink


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLayer:
    """A gzipped layer; ``diff_id`` is the digest of the uncompressed tar."""

    blob: Blob
    diff_id: str


class Sink(Protocol):
    """A target for compressed bytes, such as a file."""

    def write(self, data: bytes, /) -> object: ...


class GzipCompressor:
    """Compresses to gzip with a constant header, and hashes the uncompressed bytes.

    Python's ``gzip`` writes the time and, depending on its version, other header fields; a layer's
    digest must not depend on them.
    """

    def __init__(self, sink: Sink, level: int = 6) -> None:
        self._sink = sink
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = 0
        self._size = 0
        self._hash = hashlib.sha256()
        # Magic, deflate, no flags, time 0, no extra flags, unknown operating system (RFC 1952).
        sink.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._hash.update(data)
        self._sink.write(self._deflate.compress(data))
        return len(data)

    def finish(self) -> str:
        """Write the trailer and return the digest of the uncompressed bytes (the diff ID)."""
        trailer = struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)  # size modulo 2^32
        self._sink.write(self._deflate.flush() + trailer)
        return f"sha256:{self._hash.hexdigest()}"


def build_layer(tree: Mapping[str, LayerEntry]) -> ImageLayer:
    """Return a layer with these entries by relative path; parent folders are added (root, 0755)."""
    packed = io.BytesIO()
    compressor = GzipCompressor(packed)
    compressor.write(build_tar(tree))
    diff_id = compressor.finish()
    return ImageLayer(blob=Blob.from_bytes(packed.getvalue()), diff_id=diff_id)


def build_tar(tree: Mapping[str, LayerEntry]) -> bytes:
    """Return the uncompressed tar of a small tree: sorted, all times 0, owned by root."""
    parents = {
        str(parent)
        for path in tree
        for parent in PurePosixPath(path).parents
        if str(parent) not in {".", *tree}
    }
    entries: dict[str, LayerEntry] = {**{path: LayerFolder() for path in parents}, **tree}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(entries):  # sorted: parents come before their children
            _add_entry(archive, path, entries[path])
    return buffer.getvalue()


def _add_entry(archive: tarfile.TarFile, path: str, entry: LayerEntry) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path:
        raise ValueError(f"not a plain relative path: {path!r}")
    info = tarfile.TarInfo(path)  # its defaults: owner root (0:0), time 0
    match entry:
        case LayerFile(data, mode):
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
        case LayerFolder(mode):
            info.type, info.mode = tarfile.DIRTYPE, mode
            archive.addfile(info)
        case LayerSymlink(target):
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
            archive.addfile(info)
