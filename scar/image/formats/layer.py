"""Deterministic layers: the same files give the same bytes, whoever builds them and when."""

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
    """A regular file of a layer; owner is root."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class LayerFolder:
    """A folder that is empty or has a mode of its own."""

    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class LayerSymlink:
    """A symbolic link."""

    target: str


LayerEntry = LayerFile | LayerFolder | LayerSymlink


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLayer:
    """A gzipped layer; ``diff_id`` is the digest of the tar inside."""

    blob: Blob
    diff_id: str


class Sink(Protocol):
    """Where compressed bytes go."""

    def write(self, data: bytes, /) -> object: ...


class GzipCompressor:
    """Gzip without time, name and operating system in its header; hashes the plain bytes."""

    def __init__(self, sink: Sink, level: int = 6) -> None:
        self._sink = sink
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = 0
        self._size = 0
        self._hash = hashlib.sha256()
        sink.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._hash.update(data)
        self._sink.write(self._deflate.compress(data))
        return len(data)

    def finish(self) -> str:
        """Write the end and return the digest of the plain bytes."""
        end = struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)
        self._sink.write(self._deflate.flush() + end)
        return f"sha256:{self._hash.hexdigest()}"


def build_layer(tree: Mapping[str, LayerEntry]) -> ImageLayer:
    """Build a layer from relative paths; missing parent folders are added, root's, 0755."""
    packed = io.BytesIO()
    compressor = GzipCompressor(packed)
    compressor.write(build_tar(tree))
    diff_id = compressor.finish()
    return ImageLayer(blob=Blob.from_bytes(packed.getvalue()), diff_id=diff_id)


def build_tar(tree: Mapping[str, LayerEntry]) -> bytes:
    """Build the tar of a small tree: sorted, no times, owned by root."""
    parents = {
        str(parent)
        for path in tree
        for parent in PurePosixPath(path).parents
        if str(parent) not in {".", *tree}
    }
    whole: dict[str, LayerEntry] = {**{path: LayerFolder() for path in parents}, **tree}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(whole):
            _add_entry(archive, path, whole[path])
    return raw.getvalue()


def _add_entry(archive: tarfile.TarFile, path: str, entry: LayerEntry) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path:
        raise ValueError(f"not a plain relative path: {path!r}")
    info = tarfile.TarInfo(path)
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
