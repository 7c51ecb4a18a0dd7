"""Checks the headers of tar archives from strangers before Python's tarfile parses them.

tarfile searches pax headers with regular expressions whose time is quadratic in the length of runs
of digits (CVE-2024-6232), and which do not let other threads run meanwhile: one header of a
megabyte of digits stops the process for hours. Global headers are applied to each later member, so
their time is that of both together. Here, headers are parsed in linear time, and tarfile is given
numbers only: names and extended attributes are set afterwards.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from scar.image.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes of the headers of one member: names, links, extended attributes (64 KiB each in Linux),
# maps of sparse files.
MAX_HEADER_SIZE = 1 << 20
MAX_DIGITS = 20  # of a number: 2**64 has 20
MAX_NAME_LENGTH = 4096  # bytes of a path or of a link's target, as Linux: path_resolution(7)
MAX_HEADERS = 16  # before one member: pax headers and long names; writers need four
XATTR = "SCHILY.xattr."  # the pax headers of extended attributes

_PAX = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE})
_LONG = frozenset({tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})
_COUNTS = frozenset(
    {b"size"}
    | {
        b"GNU.sparse." + name
        for name in (b"major", b"minor", b"size", b"realsize", b"numblocks", b"offset", b"numbytes")
    }
)
_OWNERS = frozenset({b"uid", b"gid"})
_TIMES = frozenset({b"mtime"})
_MAP = b"GNU.sparse.map"
_NAMES = {b"path": "name", b"GNU.sparse.name": "name", b"linkpath": "linkname"}


class CheckedTarInfo(tarfile.TarInfo):
    """A member whose headers were checked before tarfile parsed them."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Self:  # noqa: ANN401 - as in typeshed
        """Return the next member; raise as tarfile, ReadError, EOFError or ImageError.

        tarfile calls it again for the header after a pax header or a long name.
        """
        stream = tarfile.fileobj
        header = _read_header(cls, tarfile)
        tarfile.fileobj = _Replay(stream, header.blocks, getattr(stream, "depth", 0) + 1)
        try:
            info = super().fromtarfile(tarfile)
        finally:
            tarfile.fileobj = stream
        for name, value in header.names.items():
            setattr(info, name, value)
        info.pax_headers = {**info.pax_headers, **header.attributes}
        return info


@dataclass(slots=True)
class _Header:
    """``blocks`` are what tarfile reads; the rest is set in the member that follows."""

    blocks: bytes
    names: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


class _Replay:
    """A stream whose next bytes were read already."""

    def __init__(self, stream: Any, data: bytes, depth: int) -> None:  # noqa: ANN401 - private
        if depth > MAX_HEADERS:
            raise tarfile.ReadError(f"more than {MAX_HEADERS} headers precede one file")
        self._stream = stream
        self._data = data
        self.depth = depth

    def read(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        if len(data) < size:
            rest: bytes = self._stream.read(size - len(data))
            data += rest
        return data

    def tell(self) -> int:
        place: int = self._stream.tell()
        return place - len(self._data)


def _read_header(kind: type[tarfile.TarInfo], archive: Any) -> _Header:  # noqa: ANN401 - a TarFile
    stream = archive.fileobj
    block = stream.read(tarfile.BLOCKSIZE)
    flag = block[156:157]
    if len(block) < tarfile.BLOCKSIZE or flag not in _PAX | _LONG | {tarfile.GNUTYPE_SPARSE}:
        return _Header(block)
    info = kind.frombuf(block, archive.encoding, archive.errors)
    if flag == tarfile.GNUTYPE_SPARSE:
        return _Header(block + _read_sparse_map(stream, block))
    place = stream.tell() - tarfile.BLOCKSIZE
    if info.size > MAX_HEADER_SIZE:
        raise header_too_large_error(place)
    if info.size < 0:
        raise tarfile.ReadError(f"the header at byte {place:,} has a negative size")
    padded = _read_exactly(stream, info.size + -info.size % tarfile.BLOCKSIZE)
    content = padded[: info.size]
    if flag in _LONG:
        _check_name(content.partition(b"\0")[0])
        return _Header(block + padded)
    return check_pax_header(block, content, is_global=flag == tarfile.XGLTYPE)


def _read_sparse_map(stream: Any, block: bytes) -> bytes:  # noqa: ANN401 - private
    """Return the blocks that continue the map of an old GNU sparse header."""
    data = bytearray()
    is_extended = block[482]
    while is_extended:
        data += _read_exactly(stream, tarfile.BLOCKSIZE)
        if len(data) > MAX_HEADER_SIZE:
            raise header_too_large_error(stream.tell())
        is_extended = data[-8]
    return bytes(data)


def _read_exactly(stream: Any, size: int) -> bytes:  # noqa: ANN401 - private
    data: bytes = stream.read(size)
    if len(data) < size:
        raise EOFError("it ends within a header")
    return data


def header_too_large_error(place: int) -> ImageError:
    return ImageError(
        f"The tar archive has a header of more than {MAX_HEADER_SIZE >> 20} MiB, at byte"
        f" {place:,}.",
        remedy="Do not use this file, or write the archive again.",
    )


def check_pax_header(block: bytes, content: bytes, *, is_global: bool) -> _Header:
    """Return a pax header without what tarfile need not see, of the same size.

    ``block`` is its header block. Raise ReadError if it is damaged. Unknown keywords are left out,
    as POSIX says; zeros end what tarfile reads.
    """
    kept: list[bytes] = []
    header = _Header(b"")
    numbers: dict[bytes, bytes] = {}
    for record, key, value in split_pax_records(content):
        if is_global and (key in _NAMES or key in _COUNTS or key == _MAP):
            raise tarfile.ReadError(f"a global header sets {key.decode()} of all files")
        if key in _NAMES:
            _check_name(value)
            header.names[_NAMES[key]] = _decode(value)
        elif key.startswith(XATTR.encode()):
            header.attributes[_decode(key)] = _decode(value)
        elif _is_number(key, value):
            # Old maps of sparse files repeat two keywords; of others, the last one counts.
            if key in {b"GNU.sparse.offset", b"GNU.sparse.numbytes"}:
                kept.append(record)
            else:
                numbers[key] = record
    if "name" in header.names:
        header.names["name"] = header.names["name"].rstrip("/")
    data = b"".join([*numbers.values(), *kept])
    padding = len(content) + -len(content) % tarfile.BLOCKSIZE - len(data)
    header.blocks = block + data + bytes(padding)
    return header


def split_pax_records(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    r"""Yield record, keyword and value of each ``LENGTH KEYWORD=VALUE\n``, in linear time.

    Raise ReadError for anything else.
    """
    begin = 0
    while begin < len(content):
        space = content.find(b" ", begin, begin + MAX_DIGITS + 1)
        digits = content[begin : max(begin, space)]
        end = begin + int(digits) if digits.isdigit() else begin
        record = content[begin:end]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if end > len(content) or not (key and equals and record.endswith(b"\n")):
            raise tarfile.ReadError(f"a pax header is damaged at its byte {begin:,}")
        yield record, key, value
        begin = end


def _is_number(key: bytes, value: bytes) -> bool:
    """Return whether tarfile needs the number; raise ReadError if it is none."""
    if key == _MAP:
        numbers = value.split(b",")
    elif key in _COUNTS:
        numbers = [value]
    elif key in _OWNERS:
        numbers = [value.removeprefix(b"-")]
    elif key in _TIMES:
        numbers = [part or b"0" for part in value.removeprefix(b"-").split(b".", 1)]
    else:
        return False
    if not value and key in _OWNERS | _TIMES:  # as if it were not there: POSIX
        return False
    if not all(number.isdigit() and len(number) <= MAX_DIGITS for number in numbers):
        raise tarfile.ReadError(f"a pax header has an invalid number as {key.decode()}")
    return True


def _check_name(name: bytes) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise tarfile.ReadError(f"a name has {len(name):,} bytes; Linux allows {MAX_NAME_LENGTH:,}")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def normalize_sparse_map(info: tarfile.TarInfo) -> None:
    """Leave the empty pieces out of a sparse file's map; raise ReadError if it is not in order.

    ``info.size`` is the size of the file.
    """
    pieces: list[tuple[int, int]] | None = getattr(info, "sparse", None)
    if pieces is None:
        return
    end = 0
    for offset, size in pieces:
        if size and (size < 0 or offset < end):
            raise tarfile.ReadError(f"{info.name!r} has a damaged map of a sparse file")
        end = offset + size if size else end
    if end > info.size:
        raise tarfile.ReadError(f"{info.name!r} has a map that ends after the sparse file")
    info.sparse = [piece for piece in pieces if piece[1]]  # type: ignore[assignment]
