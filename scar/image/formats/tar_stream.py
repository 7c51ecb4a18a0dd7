"""Reads tar archives from untrusted streams: one pass, with bounded headers and exact sizes.

Python's tarfile reads a header of any announced size into memory (a pax header of 1 GB), keeps
all members in memory, and returns fewer bytes without an error where an archive is truncated. Its
parsing of some headers takes hours: ``tar_headers`` checks them first.
"""

from __future__ import annotations

import contextlib
import io
import re
import tarfile
from typing import TYPE_CHECKING, BinaryIO

from scar.image.errors import ImageError
from scar.image.formats.blobs import CHUNK_SIZE
from scar.image.formats.tar_headers import (
    MAX_HEADER_SIZE,
    CheckedTarInfo,
    header_too_large_error,
    normalize_sparse_map,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPARSE_CHUNK_SIZE = 16 << 10  # bytes: tarfile copies a chunk again for each piece in it
# Images have some hundred files.
_MAX_CHECKED_HEADERS = 10_000
_WITHOUT_CONTENT = frozenset(
    {tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE}
    | {tarfile.FIFOTYPE}
)
# They precede the member that they describe.
_HEADERS = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)


class TarStream:
    """A tar archive that is read once, from front to back, uncompressed."""

    def __init__(self, archive: tarfile.TarFile, source: _MeteredSource, max_members: int) -> None:
        self._archive = archive
        self._source = source
        self._max_members = max_members

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Yield the members; raise ImageError if there are too many or a header is too large."""
        count = 0
        while True:
            # What is left of the previous member is skipped, and then comes the header.
            self._source.limit = self._archive.offset + MAX_HEADER_SIZE
            info = self._archive.next()
            if info is None:
                return
            count += 1
            if count > self._max_members:
                raise ImageError(
                    f"The tar archive has more than {self._max_members:,} files.",
                    remedy="Check that it is the right file.",
                )
            if info.size < 0:
                raise tarfile.ReadError(f"{info.name!r} has a negative size")
            normalize_sparse_map(info)
            vars(self._archive)["members"].clear()  # else all headers stay in memory
            self._source.limit = self._archive.offset + tarfile.RECORDSIZE
            yield info

    def read(self, info: tarfile.TarInfo) -> Iterator[bytes]:
        """Yield the content of the current member; raise EOFError if the archive is truncated."""
        file = self._archive.extractfile(info)
        left = info.size
        size = _SPARSE_CHUNK_SIZE if info.issparse() else CHUNK_SIZE
        while file is not None and left:
            chunk = file.read(min(size, left))
            if not chunk:
                raise EOFError(f"{info.name!r} ends too early")
            left -= len(chunk)
            yield chunk

    def require_end(self) -> None:
        """Raise EOFError unless the archive has ended with the blocks of zeros that tar writes.

        Without them it may have been cut between two members.
        """
        if self._source.position < self._archive.offset + tarfile.BLOCKSIZE:
            raise EOFError("the blocks of zeros at the end are missing")


class _MeteredSource:
    """The file under the archive; ends the reading of headers that are too large."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0
        self.limit = MAX_HEADER_SIZE

    def read(self, size: int) -> bytes:
        if self.position > self.limit:
            raise header_too_large_error(self.position)
        data = self._file.read(size)
        self.position += len(data)
        return data


@contextlib.contextmanager
def open_tar_stream(file: BinaryIO, max_members: int) -> Iterator[TarStream]:
    """Open an uncompressed tar archive for one pass.

    Raise TarError, EOFError or ValueError if it is truncated or not a tar archive.
    """
    source = _MeteredSource(file)
    with tarfile.open(  # type: ignore[call-overload]
        fileobj=source,
        mode="r|",
        tarinfo=CheckedTarInfo,
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        yield TarStream(archive, source, max_members)


def find_cut_member(file: BinaryIO) -> str:
    """Return the name of the member whose content ends after the file does; empty without one.

    Only headers are read, of at most ``_MAX_CHECKED_HEADERS``. A damaged header, or a missing end
    of the archive, is not found here.
    """
    size = file.seek(0, io.SEEK_END)
    offset, announced = 0, None
    for _ in range(_MAX_CHECKED_HEADERS):
        file.seek(offset)
        header = file.read(tarfile.BLOCKSIZE)
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except TAR_ERRORS:  # the end, or damage that the archive reader reports
            return ""
        length = 0 if info.type in _WITHOUT_CONTENT else info.size
        if info.type == tarfile.XHDTYPE:
            announced = _pax_size(file.read(min(length, MAX_HEADER_SIZE)))
        elif announced is not None and info.type not in _HEADERS:
            length, announced = announced, None
        if length < 0:
            return ""
        offset += tarfile.BLOCKSIZE + length
        if offset > size:
            return info.name
        offset += -offset % tarfile.BLOCKSIZE
    return ""


def _pax_size(records: bytes) -> int | None:
    """Return the size in a member's pax records: that of files too large for the header."""
    sizes = re.findall(rb"(?:^|\n)\d+ size=(\d{1,19})(?=\n)", records)
    return int(sizes[-1]) if sizes else None


TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)
"""What reading a damaged archive raises: ValueError and OverflowError because of damaged numbers,
RecursionError because of long names that precede long names."""
