"""Reads root file systems: tar archives, compressed or not, and folders, as members of a layer.

What has no meaning in an image is left out and listed: devices, sockets, and files whose names
would delete other files (whiteouts).
"""

from __future__ import annotations

import itertools
import os
import stat
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from scar.image.errors import ImageError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.decompression import decompress, detect_compression
from scar.image.formats.image_file import open_regular_file
from scar.image.formats.recompression import read_chunks
from scar.image.formats.tar_stream import TAR_ERRORS, open_tar_stream
from scar.image.formats.unpacking_limits import MAX_ENTRIES, UnpackedSize, too_large_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WHITEOUT = ".wh."
_ATTRIBUTE = "SCHILY.xattr."  # the pax headers of extended attributes


@dataclass(frozen=True, slots=True)
class RootMember:
    """One entry of a root file system: its tar header, and the content of a regular file."""

    info: tarfile.TarInfo
    content: Iterator[bytes] = field(default_factory=lambda: iter(()))


@dataclass(slots=True)
class RootReader:
    """Yields the members of one root file system; ``left_out`` lists what it left out."""

    subject: str
    left_out: list[str] = field(default_factory=list)
    _files: set[str] = field(default_factory=set)

    def read_tar(self, stream: BinaryIO) -> Iterator[RootMember]:
        """Yield the members of a tar archive; raise ImageError if it is damaged or too large."""
        size = UnpackedSize(self.subject)
        chunks = read_chunks(stream)
        head = next(chunks, b"")
        chunks = itertools.chain([head], chunks)
        unpacked = chunks_to_file(decompress(chunks, detect_compression(head), size))
        try:
            with unpacked, open_tar_stream(unpacked, MAX_ENTRIES) as archive:
                for info in archive:
                    if info.size > size.limit:  # a sparse file may announce any size
                        raise too_large_error(f"{self.subject}'s file {info.name}", info.size)
                    if member := self._convert(info):
                        content = archive.read(info) if member.isreg() else iter(())
                        # Read by the caller, so outside this block.
                        yield RootMember(member, self._translate_damage(content))
                archive.require_end()
        except TAR_ERRORS as error:
            raise self._damaged_error(error) from error

    def _translate_damage(self, content: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from content
        except TAR_ERRORS as error:
            raise self._damaged_error(error) from error

    def _damaged_error(self, error: Exception) -> ImageError:
        return ImageError(
            f"{self.subject} cannot be imported: it is truncated or not a tar archive ({error}).",
            remedy="Write or download it again.",
        )

    def read_folder(self, folder: Path, output: Path | None = None) -> Iterator[RootMember]:
        """Yield what is below a folder, sorted, without following links.

        ``output`` is left out if it is below the folder. Files of the caller, if that is not root,
        become root's. Raise ImageError if something cannot be read.
        """
        links: dict[tuple[int, int], str] = {}
        try:
            for path in _walk(folder):
                state = path.lstat()
                name = path.relative_to(folder).as_posix()
                if output is not None and path.absolute() == output.absolute():
                    continue
                info = _describe(name, path, state)
                if stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
                    first = links.setdefault((state.st_dev, state.st_ino), name)
                    if first != name:
                        info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
                if member := self._convert(info):
                    content = _read_file(path, info.size) if member.isreg() else iter(())
                    yield RootMember(member, content)
        except OSError as error:
            raise ImageError(
                f"{error.filename or folder} cannot be read: {error.strerror or error}.",
                remedy="Run the command as a user who can read all files of the root file system.",
            ) from error

    def _convert(self, source: tarfile.TarInfo) -> tarfile.TarInfo | None:
        """Return the header for the layer; None for what is left out, and for the root itself."""
        name = self._normalize(source.name)
        if not name:
            return None
        is_whiteout = any(part.startswith(_WHITEOUT) for part in name.split("/"))
        is_kept = source.isreg() or source.isdir() or source.issym() or source.isfifo()
        target = source.linkname
        if source.islnk():
            target = self._normalize(source.linkname)
            is_kept = target in self._files
        if is_whiteout or not is_kept:
            self.left_out.append(name)
            return None
        if source.isreg() or source.islnk():
            self._files.add(name)
        info = tarfile.TarInfo(name)
        # Regular files have several types in old formats, sparse files their own.
        info.type = tarfile.REGTYPE if source.isreg() else source.type
        info.size = source.size if source.isreg() else 0
        info.linkname = target if source.issym() or source.islnk() else ""
        info.mode, info.mtime = source.mode & 0o7777, max(0, int(source.mtime))
        info.uid, info.gid = source.uid, source.gid
        info.pax_headers = {
            key: value for key, value in source.pax_headers.items() if key.startswith(_ATTRIBUTE)
        }
        return info

    def _normalize(self, name: str) -> str:
        parts = [part for part in name.split("/") if part not in {"", "."}]
        if ".." in parts or "\0" in name:
            raise ImageError(
                f"{self.subject} contains {name!r}, which points outside of it.",
                remedy="Do not use it, or write it again with relative names.",
            )
        return "/".join(parts)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder, parents first, in the order of names."""
    pending = [folder]
    while pending:
        path = pending.pop()
        if path != folder:
            yield path
        if path == folder or (path.is_dir() and not path.is_symlink()):
            pending += sorted(path.iterdir(), reverse=True)


_TYPES = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


def _describe(name: str, path: Path, state: os.stat_result) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = _TYPES.get(stat.S_IFMT(state.st_mode), tarfile.CHRTYPE)  # others are left out
    info.mode, info.mtime = state.st_mode, state.st_mtime
    own = os.geteuid() != 0 and state.st_uid == os.geteuid()
    info.uid, info.gid = (0, 0) if own else (state.st_uid, state.st_gid)
    if info.isreg():
        info.size = state.st_size
    if info.issym():
        info.linkname = str(path.readlink())
    return info


def _read_file(path: Path, size: int) -> Iterator[bytes]:
    with open_regular_file(path) as file:
        left = size
        while left:
            data = file.read(min(CHUNK_SIZE, left))
            if not data:
                raise ImageError(f"{path} changed while it was read.", remedy="Try again.")
            left -= len(data)
            yield data
