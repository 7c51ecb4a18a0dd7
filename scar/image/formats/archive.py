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
from scar.image.formats.blobs import CHUNK, Blob, BlobCache, is_digest
from scar.image.formats.chunks import as_file
from scar.image.formats.layer import Compressor, ImageLayer
from scar.image.formats.recompression import ZSTD, unpacked

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

SMALL = 4 << 20  # a document (manifest, configuration) is not larger
SMALL_TOTAL = 64 << 20
MEMBERS = 100_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of the archive: a document in memory, or a layer in the cache.

    ``digest`` is of the bytes as they are in the archive.
    """

    digest: str
    document: bytes | None = None
    layer: ImageLayer | None = None


@dataclass(slots=True)
class Members:
    """The files of an archive by name; links lead to names of the same archive."""

    files: dict[str, Member] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def get(self, name: str) -> Member | None:
        """Return the file of this name, following links."""
        name = _inside(name)
        for _ in range(8):
            if name not in self.links:
                return self.files.get(name)
            name = self.links[name]
        raise _bad(f"{name} is a link that leads to itself")

    def document(self, name: str) -> bytes:
        """Return a document; raise ImageError if it is missing."""
        member = self.get(name)
        if member is None or member.document is None:
            raise _bad(f"{name} is missing")
        return member.document

    def layer(self, name: str) -> ImageLayer:
        """Return a layer; raise ImageError if it is missing or of an unknown kind."""
        member = self.get(name)
        if member is None:
            raise _bad(f"{name} is missing")
        if member.layer is None:
            raise _bad(f"{name} is not a layer but a document")
        return member.layer


def read_members(stream: io.BufferedReader, cache: BlobCache) -> Members:
    """Read a whole archive; raise ImageError if it is damaged or hostile."""
    try:
        gzipped = stream.peek(2)[:2] == _GZIP
        whole = gzip.GzipFile(fileobj=stream) if gzipped else stream
        with tarfile.open(fileobj=whole, mode="r|") as archive:
            return _members(archive, cache)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _bad(f"it is truncated or not a tar archive ({error})") from error


def _members(archive: tarfile.TarFile, cache: BlobCache) -> Members:
    found = Members()
    for count, info in enumerate(archive):
        name = _inside(info.name)
        if count >= MEMBERS:
            raise _bad(f"it has more than {MEMBERS:,} files")
        if info.isdir():
            continue
        if info.issym():
            found.links[name] = _inside(str(PurePosixPath(name).parent / info.linkname))
        elif info.islnk():
            found.links[name] = _inside(info.linkname)
        elif info.isreg():
            member = _member(_exactly(archive, info), cache)
            found.size += len(member.document or b"")
            if found.size > SMALL_TOTAL:
                raise _bad("its documents are too large")
            _check_name(name, member)
            found.files[name] = member
        else:
            raise _bad(f"{name} is a device or another special file")
    return found


def _member(chunks: Iterator[bytes], cache: BlobCache) -> Member:
    first = next(chunks, b"")
    if first[:2] == _GZIP:
        return _gzipped(first, chunks, cache)
    if first[:4] == ZSTD:
        return _zstd(first, chunks, cache)
    if first[:1] in {b"{", b"["} or len(first) < tarfile.BLOCKSIZE:
        return _document(first, chunks)
    return _plain(first, chunks, cache)


def _document(first: bytes, chunks: Iterator[bytes]) -> Member:
    data = bytearray(first)
    for chunk in chunks:
        data += chunk
        if len(data) > SMALL:
            raise _bad("a document is too large")
    return Member(digest=f"sha256:{hashlib.sha256(data).hexdigest()}", document=bytes(data))


def _plain(first: bytes, chunks: Iterator[bytes], cache: BlobCache) -> Member:
    with cache.writer() as writer:
        compressor = Compressor(writer)
        for chunk in itertools.chain([first], chunks):
            compressor.write(chunk)
        diff_id = compressor.finish()
        blob = writer.commit()
    return Member(digest=diff_id, layer=ImageLayer(blob=blob, diff_id=diff_id))


def _gzipped(first: bytes, chunks: Iterator[bytes], cache: BlobCache) -> Member:
    inside = Unzipper()
    with cache.writer() as writer:
        for chunk in itertools.chain([first], chunks):
            writer.write(chunk)
            inside.feed(chunk)
        diff_id = inside.finish()
        blob = writer.commit()
    return Member(digest=blob.digest, layer=ImageLayer(blob=blob, diff_id=diff_id))


def _zstd(first: bytes, chunks: Iterator[bytes], cache: BlobCache) -> Member:
    """Keep the layer gzipped: Lambda takes no other."""
    whole = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for chunk in itertools.chain([first], chunks):
            whole.update(chunk)
            yield chunk

    pieces = hashed()
    with cache.writer() as writer:
        compressor = Compressor(writer)
        for chunk in unpacked(as_file(pieces)):
            compressor.write(chunk)
        for _ in pieces:  # what follows the last frame belongs to the digest too
            continue
        diff_id = compressor.finish()
        blob = writer.commit()
    digest = f"sha256:{whole.hexdigest()}"
    return Member(digest=digest, layer=ImageLayer(blob=blob, diff_id=diff_id))


class Unzipper:
    """Hashes what gzipped bytes hold, several gzip members in a row included; constant memory."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._inflate = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> None:
        while data:
            if self._inflate.eof:
                data = data.lstrip(b"\0")  # padding between or after members is allowed
                if not data:
                    return
                self._inflate = zlib.decompressobj(wbits=31)
            self._hash.update(self._inflate.decompress(data, CHUNK))
            data = self._inflate.unconsumed_tail or self._inflate.unused_data

    def finish(self) -> str:
        """Return the digest of the plain bytes; raise EOFError if the end is missing."""
        while tail := self._inflate.decompress(self._inflate.unconsumed_tail, CHUNK):
            self._hash.update(tail)
        if not self._inflate.eof:
            raise EOFError("compressed data ends too early")
        return f"sha256:{self._hash.hexdigest()}"


def diff_id_of(blob: Blob) -> str:
    """Return the digest of a gzipped blob's plain bytes; raise ImageError if it is damaged."""
    inside = Unzipper()
    try:
        with blob.open() as file:
            while chunk := file.read(CHUNK):
                inside.feed(chunk)
        return inside.finish()
    except (EOFError, zlib.error) as error:
        raise _bad(f"layer {blob.digest} is not gzip ({error})") from error


def _check_name(name: str, member: Member) -> None:
    """Blobs are named by their digest; the old form names configurations so."""
    folder, _, last = name.rpartition("/")
    claimed = f"sha256:{last.removesuffix('.json')}"
    if folder in {"blobs/sha256", ""} and is_digest(claimed) and claimed != member.digest:
        raise _bad(f"{name} does not have the content that its name says")


def _inside(name: str) -> str:
    """Resolve a name within the archive; raise ImageError if it leads out."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == ".." and parts:
            parts.pop()
        elif part in {"..", "/", "//"} or "\0" in part:
            raise _bad(f"the name {name!r} leads out of it")
        else:
            parts.append(part)
    return "/".join(parts)


def _exactly(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(info)
    left = info.size
    while file is not None and left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise EOFError(f"{info.name} ends too early")
        left -= len(chunk)
        yield chunk


def _bad(fault: str) -> ImageError:
    return ImageError(
        f"The image archive cannot be used: {fault}.",
        remedy="Write it again with `docker save IMAGE -o FILE` or as an OCI layout.",
    )
