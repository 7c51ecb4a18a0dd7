"""Builds deterministic layers: the same files give the same bytes on any host at any time."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import tarfile
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from scar.image.formats.blobs import Blob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor, Future

# Magic, deflate, no flags, time 0, no extra flags, unknown operating system (RFC 1952).
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
BLOCK_SIZE = 1 << 20  # bytes that are compressed by themselves
_WINDOW = 32 << 10  # bytes: how far back deflate refers (RFC 1951)
_LEVEL = 4  # twice as fast as 6, zlib's default, and 3 % larger for binaries


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
    """A gzipped layer; ``diff_id`` is the digest of the uncompressed tar.

    ``unpacked_size`` is the size of that tar in bytes, 0 if it is not known: registries do not say.
    """

    blob: Blob
    diff_id: str
    unpacked_size: int = field(default=0, compare=False)


class Sink(Protocol):
    """A target for compressed bytes, such as a file."""

    def write(self, data: bytes, /) -> object: ...


class GzipCompressor:
    """Compresses to gzip with a constant header, and hashes the uncompressed bytes.

    Python's ``gzip`` writes the time and, depending on its version, other header fields; a layer's
    digest must not depend on them. The stream is split into blocks, as pigz does: each starts with
    the end of the previous block as its dictionary, so that little compression is lost. With a
    ``pool``, ``workers`` blocks are compressed at once; the result is the same.
    """

    def __init__(self, sink: Sink, pool: Executor | None = None, workers: int = 1) -> None:
        self._sink = sink
        self._pool = pool
        self._max_pending = 2 * workers  # blocks in memory
        self._pending: deque[Future[bytes]] = deque()
        self._buffer = bytearray()
        self._dictionary = b""
        self._crc = 0
        self._size = 0
        self._hash = hashlib.sha256()
        sink.write(_GZIP_HEADER)

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._hash.update(data)
        self._buffer += data
        while len(self._buffer) > BLOCK_SIZE:
            block = bytes(self._buffer[:BLOCK_SIZE])
            del self._buffer[:BLOCK_SIZE]
            self._compress(block, zlib.Z_SYNC_FLUSH)
        return len(data)

    def finish(self) -> str:
        """Write the rest and the trailer; return the digest of the uncompressed bytes."""
        self._compress(bytes(self._buffer), zlib.Z_FINISH)
        while self._pending:
            self._sink.write(self._pending.popleft().result())
        self._sink.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))  # modulo 2^32
        return f"sha256:{self._hash.hexdigest()}"

    def _compress(self, block: bytes, flush: int) -> None:
        dictionary, self._dictionary = self._dictionary, block[-_WINDOW:]
        if self._pool is None:
            self._sink.write(_deflate(block, dictionary, flush))
            return
        if len(self._pending) >= self._max_pending:
            self._sink.write(self._pending.popleft().result())
        self._pending.append(self._pool.submit(_deflate, block, dictionary, flush))


def _deflate(block: bytes, dictionary: bytes, flush: int) -> bytes:
    if dictionary:
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=dictionary)
    else:
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(flush)


@contextlib.contextmanager
def parallel_compressor(sink: Sink, workers: int | None = None) -> Iterator[GzipCompressor]:
    """Return a compressor that uses all processors: zlib releases the interpreter's lock."""
    workers = workers or min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="gzip")
    try:
        yield GzipCompressor(sink, pool, workers)
    finally:
        pool.shutdown(cancel_futures=True)


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
