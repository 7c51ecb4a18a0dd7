"""Opens image files, and says what else a file is before it is read as an image archive."""

from __future__ import annotations

import io
import itertools
import os
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scar.image.errors import ImageError, NotAnImageError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.decompression import Compression, decompress, detect_compression
from scar.image.formats.file_kinds import (
    EXPORTED_CONTAINER,
    HEAD_SIZE,
    IMAGE_ARCHIVE,
    ROOT_FILE_SYSTEM,
    UNKNOWN_TAR,
    FileKind,
    identify_bytes,
    identify_folder_names,
    identify_names,
    is_tar,
)
from scar.image.formats.recompression import read_chunks
from scar.image.formats.tar_stream import TAR_ERRORS, find_cut_member, open_tar_stream
from scar.image.formats.unpacking_limits import UnpackedSize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from scar.meter import Meter

_PEEKED_MEMBERS = 200  # of a tar archive
_PEEKED_SIZE = 8 << 20  # bytes of a tar archive that are read, after decompression


def require_image_file(path: Path) -> FileKind:
    """Return the kind of an image file: an image archive, or a tar archive that may be one.

    Only the beginning is read, and the headers of an uncompressed archive. Raise NotAnImageError,
    with what to do, for everything else, ImageError if it is truncated, OSError if the path cannot
    be read.
    """
    if path.is_dir():
        kind = identify_folder_names({entry.name for entry in path.iterdir()})
    else:
        kind = identify_file(path)
    if not kind.may_be_image:
        raise NotAnImageError(
            f"{path} is not an image archive: it is {kind.name}.",
            remedy=kind.remedy.replace("{path}", str(path)),
        )
    if not path.is_dir():
        _require_whole_file(path)
    return kind


def _require_whole_file(path: Path) -> None:
    """Raise ImageError if an uncompressed archive is cut within a file; only headers are read."""
    with open_regular_file(path) as file:
        if detect_compression(file.peek(8)[:8]) is Compression.NONE and (
            name := find_cut_member(file)
        ):
            raise ImageError(
                f"{path} is truncated: it ends within its file {name}.",
                remedy="Copy or download it again, or write it again with `docker save`.",
            )


def open_regular_file(path: Path, meter: Meter | None = None) -> io.BufferedReader:
    """Open a file for reading; raise NotAnImageError for FIFOs, devices and sockets, else OSError.

    ``meter`` counts what is read.
    A FIFO without a writer would block, and ``/dev/zero`` has no end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAnImageError(
            f"{path} is not a regular file but a device, a FIFO or a folder.",
            remedy="Specify a file; write a stream into a file first.",
        )
    if meter is None:
        return os.fdopen(descriptor, "rb")
    meter.expect(os.fstat(descriptor).st_size)
    meter.finish_total()
    return io.BufferedReader(_MeteredFile(descriptor, meter), CHUNK_SIZE)


class _MeteredFile(io.FileIO):
    """A file that counts what is read of it."""

    def __init__(self, descriptor: int, meter: Meter) -> None:
        super().__init__(descriptor, "rb")
        self._meter = meter

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        count = super().readinto(buffer)
        self._meter.add_bytes(count or 0)
        return count


def identify_file(path: Path) -> FileKind:
    """Return the kind of a file, from its beginning."""
    with open_regular_file(path) as file:
        head = file.read(HEAD_SIZE)
        file.seek(0)
        compression = detect_compression(head)
        if compression is Compression.NONE:
            return _identify_data(head, file, path.name)
        return _identify_compressed(file, compression, path)


def _identify_compressed(file: BinaryIO, compression: Compression, path: Path) -> FileKind:
    size = UnpackedSize(str(path))
    chunks = decompress(read_chunks(file), compression, size)
    try:
        head = _read_head(chunks)
        unpacked = chunks_to_file(_first_bytes(itertools.chain([head], chunks)))
        inner = _identify_data(head, unpacked, path.name.rpartition(".")[0])
    except ImageError:  # damaged: the error of the archive reader tells more
        return UNKNOWN_TAR
    if inner in {IMAGE_ARCHIVE, UNKNOWN_TAR, ROOT_FILE_SYSTEM, EXPORTED_CONTAINER}:
        return inner
    return FileKind(f"{inner.name}, compressed with {compression}", inner.remedy)


def _read_head(chunks: Iterator[bytes]) -> bytes:
    head = bytearray()
    while len(head) < HEAD_SIZE and (chunk := next(chunks, None)) is not None:
        head += chunk
    return bytes(head)


def _first_bytes(chunks: Iterator[bytes]) -> Iterator[bytes]:
    left = _PEEKED_SIZE
    for chunk in chunks:
        yield chunk
        left -= len(chunk)
        if left <= 0:
            return


def _identify_data(head: bytes, file: BinaryIO, name: str) -> FileKind:
    """Return the kind of uncompressed data; ``file`` is at its beginning."""
    if is_tar(head):
        return _identify_tar(chunks_to_file(_first_bytes(read_chunks(file))))
    return identify_bytes(head, name)


def _identify_tar(file: BinaryIO) -> FileKind:
    names: list[str] = []
    try:
        with open_tar_stream(file, _PEEKED_MEMBERS + 1) as archive:
            names.extend(
                str(PurePosixPath(info.name.lstrip("/")))
                for info in itertools.islice(archive, _PEEKED_MEMBERS)
            )
    except TAR_ERRORS:  # only the beginning is read; if it is damaged, the archive reader says so
        pass
    return identify_names(names)
