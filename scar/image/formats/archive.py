"""Reads an image archive: the output of ``docker save``, old or new, or an OCI layout as a tar.

The stream, compressed or not, is read once, in constant memory per layer, and ends at the limits
of ``unpacking_limits``. No path from the archive is ever used on disk: layers are stored in the
blob cache under their digest, recompressed to gzip if necessary, and small files stay in memory.
"""

from __future__ import annotations

import hashlib
import itertools
import tarfile
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scar.image.errors import ImageError
from scar.image.formats.blobs import Blob, BlobCache, is_digest
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.decompression import Compression, decompress, detect_compression
from scar.image.formats.layer import ImageLayer, parallel_compressor
from scar.image.formats.recompression import read_chunks
from scar.image.formats.tar_stream import TAR_ERRORS, TarStream, open_tar_stream
from scar.image.formats.unpacking_limits import MAX_UNPACKED_SIZE, UnpackedSize, too_large_error

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

MAX_DOCUMENT_SIZE = 4 << 20  # bytes of one document: the OCI limit of a manifest
MAX_DOCUMENTS_SIZE = 64 << 20  # bytes of all documents, which stay in memory
MAX_MEMBERS = 10_000  # of an archive: engines allow 127 layers, with three files each
_SUBJECT = "The image archive"


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
    documents_size: int = 0

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
    """Read a whole archive; raise ImageError if it is corrupt, malicious or too large."""
    size = UnpackedSize(_SUBJECT)
    compression = detect_compression(stream.peek(8)[:8])
    unpacked = chunks_to_file(decompress(read_chunks(stream), compression, size))
    try:
        with unpacked, open_tar_stream(unpacked, MAX_MEMBERS) as archive:
            return _collect_members(archive, cache, size)
    except TAR_ERRORS as error:
        raise _archive_error(f"it is truncated or not a tar archive ({error})") from error


def _collect_members(archive: TarStream, cache: BlobCache, size: UnpackedSize) -> ArchiveMembers:
    members = ArchiveMembers()
    for info in archive:
        name = _normalize_name(info.name)
        if info.isdir():
            continue
        # Old versions of `docker save` link a layer that another image of the archive has too.
        if info.issym():
            target = _normalize_name(str(PurePosixPath(name).parent / info.linkname))
            _add_link(members, name, target)
        elif info.islnk():
            _add_link(members, name, _normalize_name(info.linkname))
        else:
            _reject_special_member(name, info)
            member = _read_member(archive.read(info), cache, size)
            members.documents_size += len(member.document or b"")
            if members.documents_size > MAX_DOCUMENTS_SIZE:
                raise _archive_error("its documents are too large")
            _check_name(name, member)
            _add_file(members, name, member)
    return members


def _reject_special_member(name: str, info: tarfile.TarInfo) -> None:
    if not info.isreg():
        raise _archive_error(f"{name} is a device or another special file")
    if info.issparse():
        raise _archive_error(f"{name} is a sparse file; no tool writes an image like that")
    if info.size > MAX_UNPACKED_SIZE:
        raise too_large_error(f"The image archive's file {name}", info.size)


def _add_link(members: ArchiveMembers, name: str, target: str) -> None:
    if name in members.files or members.links.setdefault(name, target) != target:
        raise _archive_error(f"it contains {name} twice, with different content")


def _add_file(members: ArchiveMembers, name: str, member: ArchiveMember) -> None:
    # Tools differ in which of two they take, so an archive could show one image here and run
    # another elsewhere.
    known = members.files.setdefault(name, member)
    if name in members.links or known.digest != member.digest:
        raise _archive_error(f"it contains {name} twice, with different content")


def _read_member(chunks: Iterator[bytes], cache: BlobCache, size: UnpackedSize) -> ArchiveMember:
    # By content, not by name: names differ between tools, and in a tar stream the manifest, which
    # tells the kinds apart, may come last.
    first = next(chunks, b"")
    chunks = itertools.chain([first], chunks)
    compression = detect_compression(first)
    if compression is Compression.GZIP:
        return _store_gzip_layer(chunks, cache, size)
    if compression is Compression.ZSTD:
        return _store_zstd_layer(chunks, cache, size)
    # An uncompressed layer is a tar of at least one block and starts with a file name; other small
    # files (VERSION, repositories) are never read.
    if first[:1] in {b"{", b"["} or len(first) < tarfile.BLOCKSIZE:
        return _read_document(chunks)
    return _store_plain_layer(chunks, cache)


def _read_document(chunks: Iterator[bytes]) -> ArchiveMember:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > MAX_DOCUMENT_SIZE:
            raise _archive_error("a document is too large")
    return ArchiveMember(digest=f"sha256:{hashlib.sha256(data).hexdigest()}", document=bytes(data))


def _store_plain_layer(chunks: Iterator[bytes], cache: BlobCache) -> ArchiveMember:
    unpacked = UnpackedSize(_SUBJECT)
    with cache.open_writer() as writer, parallel_compressor(writer) as gzip:
        for chunk in chunks:
            unpacked.add(len(chunk))
            gzip.write(chunk)
        diff_id = gzip.finish()
        blob = writer.commit()
    layer = ImageLayer(blob=blob, diff_id=diff_id, unpacked_size=unpacked.total)
    return ArchiveMember(digest=diff_id, layer=layer)


def _store_gzip_layer(
    chunks: Iterator[bytes], cache: BlobCache, size: UnpackedSize
) -> ArchiveMember:
    diff_hash, before = hashlib.sha256(), size.total
    with cache.open_writer() as writer:

        def store_chunks() -> Iterator[bytes]:
            for chunk in chunks:
                writer.write(chunk)
                yield chunk

        for data in decompress(store_chunks(), Compression.GZIP, size):
            diff_hash.update(data)
        blob = writer.commit()
    layer = ImageLayer(
        blob=blob,
        diff_id=f"sha256:{diff_hash.hexdigest()}",
        unpacked_size=size.total - before,
    )
    return ArchiveMember(digest=blob.digest, layer=layer)


def _store_zstd_layer(
    chunks: Iterator[bytes], cache: BlobCache, size: UnpackedSize
) -> ArchiveMember:
    """Store the layer as gzip: Lambda does not accept zstd."""
    packed_hash, before = hashlib.sha256(), size.total

    def hash_chunks() -> Iterator[bytes]:
        for chunk in chunks:
            packed_hash.update(chunk)
            yield chunk

    with cache.open_writer() as writer, parallel_compressor(writer) as gzip:
        for data in decompress(hash_chunks(), Compression.ZSTD, size):
            gzip.write(data)
        diff_id = gzip.finish()
        blob = writer.commit()
    layer = ImageLayer(blob=blob, diff_id=diff_id, unpacked_size=size.total - before)
    return ArchiveMember(digest=f"sha256:{packed_hash.hexdigest()}", layer=layer)


def compute_diff_id(blob: Blob) -> str:
    """Return the diff ID of a gzipped blob; raise ImageError if the blob is corrupt."""
    diff_hash, size = hashlib.sha256(), UnpackedSize(f"Layer {blob.digest}")
    with blob.open() as file:
        for data in decompress(read_chunks(file), Compression.GZIP, size):
            diff_hash.update(data)
    return f"sha256:{diff_hash.hexdigest()}"


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


def _archive_error(problem: str) -> ImageError:
    return ImageError(
        f"The image archive cannot be used: {problem}.",
        remedy="Write it again with `docker save IMAGE -o FILE` or as an OCI layout.",
    )
