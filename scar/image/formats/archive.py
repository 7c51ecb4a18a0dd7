"""Reads an image archive: the output of ``docker save``, old or new, or an OCI layout as a tar.

The stream, gzipped or not, is read once, in constant memory per layer. No path from the archive is
ever used on disk: layers are stored in the blob cache under their digest, recompressed to gzip if
necessary, and small files stay in memory.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scar.image.errors import ImageError
from scar.image.formats.blobs import CHUNK_SIZE, Blob, BlobCache, is_digest
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.layer import GzipCompressor, ImageLayer
from scar.image.formats.recompression import ZSTD_MAGIC, decompress_zstd

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

MAX_DOCUMENT_SIZE = 4 << 20  # bytes of one document: the OCI limit of a manifest
MAX_DOCUMENTS_SIZE = 64 << 20  # bytes of all documents, which stay in memory
MAX_MEMBERS = 100_000
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """One file of the archive: a document in memory, or a layer in the cache.

    ``digest`` is the digest of the file's bytes in the archive, before any recompression.
    """

    digest: str
    document: bytes | None = None
    layer: ImageLayer | None = None


@dataclass(slots=True)
class ArchiveMembers:
    """The files of an archive by name; links point to names within the archive."""

    files: dict[str, ArchiveMember] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def get(self, name: str) -> ArchiveMember | None:
        """Return the file of this name, following links; None if there is none."""
        name = _normalize_name(name)
        for _ in range(8):  # links to links; the bound detects cycles
            if name not in self.links:
                return self.files.get(name)
            name = self.links[name]
        raise _archive_error(f"{name} is a cyclic link")

    def get_document(self, name: str) -> bytes:
        """Return a document; raise ImageError if it is missing or is a layer."""
        member = self.get(name)
        if member is None or member.document is None:
            raise _archive_error(f"{name} is missing")
        return member.document

    def get_layer(self, name: str) -> ImageLayer:
        """Return a layer; raise ImageError if it is missing or is a document."""
        member = self.get(name)
        if member is None:
            raise _archive_error(f"{name} is missing")
        if member.layer is None:
            raise _archive_error(f"{name} is not a layer but a document")
        return member.layer


def read_members(stream: io.BufferedReader, cache: BlobCache) -> ArchiveMembers:
    """Read a whole archive; raise ImageError if it is corrupt or malicious."""
    try:
        gzipped = stream.peek(2)[:2] == _GZIP_MAGIC
        unpacked = gzip.GzipFile(fileobj=stream) if gzipped else stream
        with tarfile.open(fileobj=unpacked, mode="r|") as archive:
            return _collect_members(archive, cache)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _archive_error(f"it is truncated or not a tar archive ({error})") from error


def _collect_members(archive: tarfile.TarFile, cache: BlobCache) -> ArchiveMembers:
    members = ArchiveMembers()
    for count, info in enumerate(archive):
        name = _normalize_name(info.name)
        if count >= MAX_MEMBERS:
            raise _archive_error(f"it has more than {MAX_MEMBERS:,} files")
        if info.isdir():
            continue
        # Old versions of `docker save` link a layer that another image of the archive has too.
        if info.issym():
            members.links[name] = _normalize_name(str(PurePosixPath(name).parent / info.linkname))
        elif info.islnk():
            members.links[name] = _normalize_name(info.linkname)
        elif info.isreg():
            member = _read_member(_read_exactly(archive, info), cache)
            members.size += len(member.document or b"")
            if members.size > MAX_DOCUMENTS_SIZE:
                raise _archive_error("its documents are too large")
            _check_name(name, member)
            members.files[name] = member
        else:
            raise _archive_error(f"{name} is a device or another special file")
    return members


def _read_member(chunks: Iterator[bytes], cache: BlobCache) -> ArchiveMember:
    # By content, not by name: names differ between tools, and in a tar stream the manifest, which
    # tells the kinds apart, may come last.
    first = next(chunks, b"")
    if first[:2] == _GZIP_MAGIC:
        return _store_gzip_layer(first, chunks, cache)
    if first[:4] == ZSTD_MAGIC:
        return _store_zstd_layer(first, chunks, cache)
    # An uncompressed layer is a tar of at least one block and starts with a file name; other small
    # files (VERSION, repositories) are never read.
    if first[:1] in {b"{", b"["} or len(first) < tarfile.BLOCKSIZE:
        return _read_document(first, chunks)
    return _store_plain_layer(first, chunks, cache)


def _read_document(first: bytes, chunks: Iterator[bytes]) -> ArchiveMember:
    data = bytearray(first)
    for chunk in chunks:
        data += chunk
        if len(data) > MAX_DOCUMENT_SIZE:
            raise _archive_error("a document is too large")
    return ArchiveMember(digest=f"sha256:{hashlib.sha256(data).hexdigest()}", document=bytes(data))


def _store_plain_layer(first: bytes, chunks: Iterator[bytes], cache: BlobCache) -> ArchiveMember:
    with cache.open_writer() as writer:
        compressor = GzipCompressor(writer)
        for chunk in itertools.chain([first], chunks):
            compressor.write(chunk)
        diff_id = compressor.finish()
        blob = writer.commit()
    return ArchiveMember(digest=diff_id, layer=ImageLayer(blob=blob, diff_id=diff_id))


def _store_gzip_layer(first: bytes, chunks: Iterator[bytes], cache: BlobCache) -> ArchiveMember:
    hasher = DiffIdHasher()
    with cache.open_writer() as writer:
        for chunk in itertools.chain([first], chunks):
            writer.write(chunk)
            hasher.update(chunk)
        diff_id = hasher.finish()
        blob = writer.commit()
    return ArchiveMember(digest=blob.digest, layer=ImageLayer(blob=blob, diff_id=diff_id))


def _store_zstd_layer(first: bytes, chunks: Iterator[bytes], cache: BlobCache) -> ArchiveMember:
    """Store the layer as gzip: Lambda does not accept zstd."""
    packed_hash = hashlib.sha256()

    def hash_chunks() -> Iterator[bytes]:
        for chunk in itertools.chain([first], chunks):
            packed_hash.update(chunk)
            yield chunk

    hashed_chunks = hash_chunks()
    with cache.open_writer() as writer:
        compressor = GzipCompressor(writer)
        for chunk in decompress_zstd(chunks_to_file(hashed_chunks)):
            compressor.write(chunk)
        for _ in hashed_chunks:  # bytes after the last frame are part of the digest
            continue
        diff_id = compressor.finish()
        blob = writer.commit()
    digest = f"sha256:{packed_hash.hexdigest()}"
    return ArchiveMember(digest=digest, layer=ImageLayer(blob=blob, diff_id=diff_id))


class DiffIdHasher:
    """Computes a diff ID: the digest of the decompressed bytes, in constant memory.

    A layer may be several gzip members in a row, as parallel compressors such as pigz write them.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._inflate = zlib.decompressobj(wbits=31)

    def update(self, data: bytes) -> None:
        while data:
            if self._inflate.eof:
                data = data.lstrip(b"\0")  # gzip allows padding between and after members
                if not data:
                    return
                self._inflate = zlib.decompressobj(wbits=31)
            # Bounded output: one chunk of a decompression bomb may expand a thousandfold.
            self._hash.update(self._inflate.decompress(data, CHUNK_SIZE))
            data = self._inflate.unconsumed_tail or self._inflate.unused_data

    def finish(self) -> str:
        """Return the diff ID; raise EOFError if the compressed data is incomplete."""
        while tail := self._inflate.decompress(self._inflate.unconsumed_tail, CHUNK_SIZE):
            self._hash.update(tail)
        if not self._inflate.eof:
            raise EOFError("compressed data ends too early")
        return f"sha256:{self._hash.hexdigest()}"


def compute_diff_id(blob: Blob) -> str:
    """Return the diff ID of a gzipped blob; raise ImageError if the blob is corrupt."""
    hasher = DiffIdHasher()
    try:
        with blob.open() as file:
            while chunk := file.read(CHUNK_SIZE):
                hasher.update(chunk)
        return hasher.finish()
    except (EOFError, zlib.error) as error:
        raise _archive_error(f"layer {blob.digest} is not gzip ({error})") from error


def _check_name(name: str, member: ArchiveMember) -> None:
    """Raise ImageError if the name is a digest of other content.

    OCI layouts name all blobs by their digest, the old layout its configurations.
    """
    folder, _, last = name.rpartition("/")
    claimed = f"sha256:{last.removesuffix('.json')}"
    if folder in {"blobs/sha256", ""} and is_digest(claimed) and claimed != member.digest:
        raise _archive_error(f"the content of {name} does not match the digest in its name")


def _normalize_name(name: str) -> str:
    """Resolve ``.`` and ``..`` in a name; raise ImageError if it points outside the archive."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == ".." and parts:
            parts.pop()
        elif part in {"..", "/", "//"} or "\0" in part:
            raise _archive_error(f"the name {name!r} points outside the archive")
        else:
            parts.append(part)
    return "/".join(parts)


def _read_exactly(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    # tarfile returns fewer bytes without an error if the archive is truncated.
    file = archive.extractfile(info)
    left = info.size
    while file is not None and left:
        chunk = file.read(min(CHUNK_SIZE, left))
        if not chunk:
            raise EOFError(f"{info.name} ends too early")
        left -= len(chunk)
        yield chunk


def _archive_error(problem: str) -> ImageError:
    return ImageError(
        f"The image archive cannot be used: {problem}.",
        remedy="Write it again with `docker save IMAGE -o FILE` or as an OCI layout.",
    )
