"""Read an image archive: what ``docker save`` writes, old and new, or an OCI layout as a tar.

One pass over the stream, gzipped or not. Nothing is written under a name of the archive:
layers go to the blob cache by digest, gzipped if they were not, small files stay in memory.
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

MAX_DOCUMENT_SIZE = 4 << 20  # a document (manifest, configuration) is not larger
MAX_DOCUMENTS_SIZE = 64 << 20
MAX_MEMBERS = 100_000
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """One file of the archive: a document in memory, or a layer in the cache.

    ``digest`` is of the bytes as they are in the archive.
    """

    digest: str
    document: bytes | None = None
    layer: ImageLayer | None = None


@dataclass(slots=True)
class ArchiveMembers:
    """The files of an archive by name; links lead to names of the same archive."""

    files: dict[str, ArchiveMember] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def get(self, name: str) -> ArchiveMember | None:
        """Return the file of this name, following links."""
        name = _normalize_name(name)
        for _ in range(8):
            if name not in self.links:
                return self.files.get(name)
            name = self.links[name]
        raise _archive_error(f"{name} is a link that leads to itself")

    def get_document(self, name: str) -> bytes:
        """Return a document; raise ImageError if it is missing."""
        member = self.get(name)
        if member is None or member.document is None:
            raise _archive_error(f"{name} is missing")
        return member.document

    def get_layer(self, name: str) -> ImageLayer:
        """Return a layer; raise ImageError if it is missing or of an unknown kind."""
        member = self.get(name)
        if member is None:
            raise _archive_error(f"{name} is missing")
        if member.layer is None:
            raise _archive_error(f"{name} is not a layer but a document")
        return member.layer


def read_members(stream: io.BufferedReader, cache: BlobCache) -> ArchiveMembers:
    """Read a whole archive; raise ImageError if it is damaged or hostile."""
    try:
        gzipped = stream.peek(2)[:2] == _GZIP_MAGIC
        whole = gzip.GzipFile(fileobj=stream) if gzipped else stream
        with tarfile.open(fileobj=whole, mode="r|") as archive:
            return _collect_members(archive, cache)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _archive_error(f"it is truncated or not a tar archive ({error})") from error


def _collect_members(archive: tarfile.TarFile, cache: BlobCache) -> ArchiveMembers:
    found = ArchiveMembers()
    for count, info in enumerate(archive):
        name = _normalize_name(info.name)
        if count >= MAX_MEMBERS:
            raise _archive_error(f"it has more than {MAX_MEMBERS:,} files")
        if info.isdir():
            continue
        if info.issym():
            found.links[name] = _normalize_name(str(PurePosixPath(name).parent / info.linkname))
        elif info.islnk():
            found.links[name] = _normalize_name(info.linkname)
        elif info.isreg():
            member = _read_member(_read_exactly(archive, info), cache)
            found.size += len(member.document or b"")
            if found.size > MAX_DOCUMENTS_SIZE:
                raise _archive_error("its documents are too large")
            _check_name(name, member)
            found.files[name] = member
        else:
            raise _archive_error(f"{name} is a device or another special file")
    return found


def _read_member(chunks: Iterator[bytes], cache: BlobCache) -> ArchiveMember:
    first = next(chunks, b"")
    if first[:2] == _GZIP_MAGIC:
        return _store_gzip_layer(first, chunks, cache)
    if first[:4] == ZSTD_MAGIC:
        return _store_zstd_layer(first, chunks, cache)
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
    inside = DiffIdHasher()
    with cache.open_writer() as writer:
        for chunk in itertools.chain([first], chunks):
            writer.write(chunk)
            inside.update(chunk)
        diff_id = inside.finish()
        blob = writer.commit()
    return ArchiveMember(digest=blob.digest, layer=ImageLayer(blob=blob, diff_id=diff_id))


def _store_zstd_layer(first: bytes, chunks: Iterator[bytes], cache: BlobCache) -> ArchiveMember:
    """Keep the layer gzipped: Lambda takes no other."""
    whole = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for chunk in itertools.chain([first], chunks):
            whole.update(chunk)
            yield chunk

    pieces = hashed()
    with cache.open_writer() as writer:
        compressor = GzipCompressor(writer)
        for chunk in decompress_zstd(chunks_to_file(pieces)):
            compressor.write(chunk)
        for _ in pieces:  # what follows the last frame belongs to the digest too
            continue
        diff_id = compressor.finish()
        blob = writer.commit()
    digest = f"sha256:{whole.hexdigest()}"
    return ArchiveMember(digest=digest, layer=ImageLayer(blob=blob, diff_id=diff_id))


class DiffIdHasher:
    """Hashes what gzipped bytes hold, several gzip members in a row included; constant memory."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._inflate = zlib.decompressobj(wbits=31)

    def update(self, data: bytes) -> None:
        while data:
            if self._inflate.eof:
                data = data.lstrip(b"\0")  # padding between or after members is allowed
                if not data:
                    return
                self._inflate = zlib.decompressobj(wbits=31)
            self._hash.update(self._inflate.decompress(data, CHUNK_SIZE))
            data = self._inflate.unconsumed_tail or self._inflate.unused_data

    def finish(self) -> str:
        """Return the digest of the plain bytes; raise EOFError if the end is missing."""
        while tail := self._inflate.decompress(self._inflate.unconsumed_tail, CHUNK_SIZE):
            self._hash.update(tail)
        if not self._inflate.eof:
            raise EOFError("compressed data ends too early")
        return f"sha256:{self._hash.hexdigest()}"


def compute_diff_id(blob: Blob) -> str:
    """Return the digest of a gzipped blob's plain bytes; raise ImageError if it is damaged."""
    inside = DiffIdHasher()
    try:
        with blob.open() as file:
            while chunk := file.read(CHUNK_SIZE):
                inside.update(chunk)
        return inside.finish()
    except (EOFError, zlib.error) as error:
        raise _archive_error(f"layer {blob.digest} is not gzip ({error})") from error


def _check_name(name: str, member: ArchiveMember) -> None:
    """Blobs are named by their digest; the old form names configurations so."""
    folder, _, last = name.rpartition("/")
    claimed = f"sha256:{last.removesuffix('.json')}"
    if folder in {"blobs/sha256", ""} and is_digest(claimed) and claimed != member.digest:
        raise _archive_error(f"{name} does not have the content that its name says")


def _normalize_name(name: str) -> str:
    """Resolve a name within the archive; raise ImageError if it leads out."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == ".." and parts:
            parts.pop()
        elif part in {"..", "/", "//"} or "\0" in part:
            raise _archive_error(f"the name {name!r} leads out of it")
        else:
            parts.append(part)
    return "/".join(parts)


def _read_exactly(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(info)
    left = info.size
    while file is not None and left:
        chunk = file.read(min(CHUNK_SIZE, left))
        if not chunk:
            raise EOFError(f"{info.name} ends too early")
        left -= len(chunk)
        yield chunk


def _archive_error(fault: str) -> ImageError:
    return ImageError(
        f"The image archive cannot be used: {fault}.",
        remedy="Write it again with `docker save IMAGE -o FILE` or as an OCI layout.",
    )
