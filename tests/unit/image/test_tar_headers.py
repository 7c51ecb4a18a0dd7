"""Headers of tar archives from strangers are checked in linear time before tarfile parses them.

tarfile's time is quadratic in runs of digits, so these tests look at what it is given.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.image.errors import ImageError
from scar.image.formats.tar_headers import (
    MAX_DIGITS,
    MAX_HEADERS,
    MAX_NAME_LENGTH,
    check_pax_header,
    split_pax_records,
)
from scar.image.formats.tar_stream import TAR_ERRORS, open_tar_stream

if TYPE_CHECKING:
    from pathlib import Path

END = bytes(1024)


def block(kind: bytes, size: int, name: str = "h") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def member(kind: bytes, data: bytes = b"", name: str = "h") -> bytes:
    return block(kind, len(data), name) + data + bytes(-len(data) % 512)


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return b"%d" % length + rest


def read_all(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with open_tar_stream(io.BytesIO(data), 1000) as archive:
        return [(info, b"".join(archive.read(info)) if info.isreg() else b"") for info in archive]


FILE = member(tarfile.REGTYPE, b"hi", "f")
LONG = b"9" * 300  # with the old code, it took time but did not fail

KEYS = [
    b"path",
    b"linkpath",
    b"size",
    b"mtime",
    b"uid",
    b"uname",
    b"hdrcharset",
    b"comment",
    b"SCHILY.xattr.user.a",
    *(b"GNU.sparse." + key for key in (b"name", b"map", b"offset", b"numbytes", b"size", b"major")),
]
values = st.one_of(
    st.binary(max_size=30),
    st.integers(1, 3000).map(lambda count: b"9" * count),
    st.lists(st.integers(0, 99), max_size=40).map(lambda n: ",".join(map(str, n)).encode()),
    st.just(b"7 hdrcharset=BINARY\n8 GNU.sparse.offset=" + LONG),
)
records = st.lists(st.tuples(st.sampled_from(KEYS) | st.binary(min_size=1, max_size=9), values))
noise = st.just(b"") | st.binary(max_size=60) | st.integers(1, 3000).map(lambda count: b"9" * count)


@given(records, noise, st.booleans())
def test_tarfile_is_given_no_long_run_of_digits(
    pairs: list[tuple[bytes, bytes]], tail: bytes, is_global: bool
) -> None:
    content = b"".join(record(key, value) for key, value in pairs if b"=" not in key) + tail
    try:
        header = check_pax_header(b"", content, is_global=is_global)
    except tarfile.ReadError:
        return
    assert len(header.blocks) == len(content) + -len(content) % 512
    assert not re.search(rb"\d{%d}" % (MAX_DIGITS + 1), header.blocks)
    assert b"hdrcharset" not in header.blocks
    if is_global:  # applied to each later member
        assert len(header.blocks.rstrip(b"\0")) < 200
        assert not header.names


@pytest.mark.parametrize(
    "key", [b"path", b"linkpath", b"comment", b"uname", b"hdrcharset", b"SCHILY.xattr.user.a"]
)
def test_tarfile_is_given_neither_names_nor_unknown_keywords(key: bytes) -> None:
    content = record(key, LONG)
    assert not check_pax_header(b"", content, is_global=False).blocks.strip(b"\0")


class CountedBytes(bytes):
    """Counts the bytes that are looked at."""

    looked_at = 0

    def __getitem__(self, key: slice) -> bytes:  # type: ignore[override]
        data = super().__getitem__(key)
        self.looked_at += len(data)
        return data

    def find(self, what: bytes, begin: int, end: int) -> int:  # type: ignore[override]
        self.looked_at += min(end, len(self)) - begin
        return super().find(what, begin, end)


@given(records, noise)
def test_records_are_split_in_linear_time(pairs: list[tuple[bytes, bytes]], tail: bytes) -> None:
    content = CountedBytes(b"".join(record(key, value) for key, value in pairs) + tail)
    found: list[tuple[bytes, bytes, bytes]] = []
    with contextlib.suppress(tarfile.ReadError):
        found += split_pax_records(content)
    assert bytes(content).startswith(b"".join(item[0] for item in found))
    assert content.looked_at <= 2 * len(content) + (len(found) + 1) * 2 * (MAX_DIGITS + 1)


@pytest.mark.parametrize(
    "content",
    [
        LONG,
        b"9" * 21 + b" a=b\n",
        b"0 a=b\n",
        b"1 a=b\n",
        b"5 a=b\n",
        b"7 a=b\n",
        b"99 a=b\n",
        b"6 a=bc",
        b"5 ab\n",
        b"5 =a\n",
        b" a=b\n",
        b"-6 a=b\n",
        b"6 a=b\n9",
        b"6 a=b\n\0\0",
        record(b"size", b"-5"),
        record(b"size", LONG),
        record(b"size", b"\xd9\xa1"),
        record(b"uid", LONG),
        record(b"uid", b"x"),
        record(b"mtime", LONG),
        record(b"mtime", b"nan"),
        record(b"mtime", b"1.2.3"),
        record(b"GNU.sparse.map", LONG),
        record(b"GNU.sparse.map", b"0,,1"),
        record(b"GNU.sparse.offset", LONG),
        record(b"GNU.sparse.realsize", b"x"),
        record(b"path", b"a" * (MAX_NAME_LENGTH + 1)),
        record(b"linkpath", b"a" * (MAX_NAME_LENGTH + 1)),
        record(b"GNU.sparse.name", b"a" * (MAX_NAME_LENGTH + 1)),
    ],
    ids=lambda content: content[:30],
)
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE])
def test_damaged_pax_headers_are_refused(content: bytes, kind: bytes) -> None:
    with pytest.raises(tarfile.ReadError):
        read_all(member(kind, content) + FILE + END)
    with pytest.raises(tarfile.ReadError):  # not only at the beginning
        read_all(FILE + member(kind, content) + FILE + END)


@pytest.mark.parametrize("key", [b"path", b"linkpath", b"size", b"GNU.sparse.map"])
def test_a_global_header_does_not_name_all_files(key: bytes) -> None:
    with pytest.raises(tarfile.ReadError, match="global header"):
        read_all(member(tarfile.XGLTYPE, record(key, b"1")) + FILE + END)


def test_a_pax_header_sets_what_it_may() -> None:
    attribute = b"\xff 12 hdrcharset=BINARY\n" + LONG
    content = b"".join(
        [
            record(b"comment", LONG),
            record(b"hdrcharset", b"BINARY"),
            record(b"path", b"d/" + "é".encode() + b"\xff//"),
            record(b"linkpath", b"target"),
            record(b"uid", b"12345678901"),
            record(b"uid", b"-2"),
            record(b"gid", b""),
            record(b"mtime", b"-12.5"),
            record(b"SCHILY.xattr.user.a", attribute),
        ]
    )
    [(info, data)] = read_all(member(tarfile.XHDTYPE, content) + FILE + END)
    assert (info.name, info.linkname, data) == ("d/é\udcff", "target", b"hi")
    assert (info.uid, info.gid, info.mtime) == (-2, 0, -12.5)
    found = info.pax_headers["SCHILY.xattr.user.a"]
    assert found.encode("utf-8", "surrogateescape") == attribute


def test_a_size_in_a_pax_header_counts() -> None:
    header = member(tarfile.XHDTYPE, record(b"size", b"3"))
    file = block(tarfile.REGTYPE, 0, "a") + b"abc" + bytes(509)
    found = [(info.name, data) for info, data in read_all(header + file + FILE + END)]
    assert found == [("a", b"abc"), ("f", b"hi")]


def test_global_headers_apply_to_later_files() -> None:
    content = record(b"comment", b"c") + record(b"mtime", b"7")
    found = read_all(member(tarfile.XGLTYPE, content) + FILE + FILE + END)
    assert [info.mtime for info, _ in found] == [7, 7]


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_long_names_are_bounded(kind: bytes) -> None:
    longest = b"d" * MAX_NAME_LENGTH
    [(info, _)] = read_all(member(kind, longest + b"\0") + FILE + END)
    assert longest.decode() in {info.name, info.linkname}
    with pytest.raises(tarfile.ReadError, match="4,097 bytes"):
        read_all(member(kind, longest + b"d") + FILE + END)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"])
def test_the_headers_before_one_file_are_bounded(kind: bytes) -> None:
    header = member(kind, record(b"mtime", b"1"))
    assert len(read_all((header * (MAX_HEADERS - 1) + FILE) * 3 + END)) == 3
    with pytest.raises(tarfile.ReadError, match="headers precede one file"):
        read_all(header * MAX_HEADERS + FILE + END)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"])
def test_headers_that_are_cut_or_too_large_are_refused(kind: bytes) -> None:
    with pytest.raises(EOFError):
        read_all(block(kind, 100000) + bytes(5000))
    with pytest.raises(ImageError, match="more than 1 MiB, at byte 1,024"):
        read_all(FILE + block(kind, 1 << 33))


def sparse_block(
    pieces: list[tuple[int, int]], size: int, stored: int, *, is_extended: bool = False
) -> bytes:
    """Return the header of a sparse file in the old format of GNU tar."""
    data = bytearray(block(tarfile.GNUTYPE_SPARSE, stored, "s"))
    for number, (offset, count) in enumerate(pieces):
        data[386 + 24 * number : 410 + 24 * number] = b"%011o\0%011o\0" % (offset, count)
    data[482] = is_extended
    data[483:495] = b"%011o\0" % size
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 256 + sum(data[156:512]))
    return bytes(data)


def test_the_map_of_a_sparse_file_is_checked() -> None:
    good = sparse_block([(512, 512), (2048, 512), (4096, 0)], 4096, 1024)
    content = b"a" * 512 + b"b" * 512
    [(info, data)] = read_all(good + content + END)
    assert str(info.sparse) == "[(512, 512), (2048, 512)]"
    assert data == bytes(512) + b"a" * 512 + bytes(1024) + b"b" * 512 + bytes(1536)
    for pieces, size in (
        ([(512, 512), (512, 512)], 4096),  # twice
        ([(2048, 512), (512, 512)], 4096),  # backwards
        ([(512, 512), (3000, 2000)], 4096),  # behind the end
        ([(0, 512)], 100),
    ):
        with pytest.raises(tarfile.ReadError, match="map"):
            read_all(sparse_block(pieces, size, 1024) + content + END)
    pax = b"".join(
        record(b"GNU.sparse." + key, value)
        for key, value in ((b"size", b"9"), (b"numblocks", b"2"), (b"map", b"5,1,0,1"))
    )
    with pytest.raises(tarfile.ReadError, match="map"):
        read_all(member(tarfile.XHDTYPE, pax) + FILE + END)


def test_a_map_that_is_cut_is_refused() -> None:
    """tarfile itself raises IndexError."""
    with pytest.raises(EOFError):
        read_all(FILE + sparse_block([(0, 1)], 1, 512, is_extended=True))
    pax = record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0")
    with pytest.raises(TAR_ERRORS):
        read_all(member(tarfile.XHDTYPE, pax) + block(tarfile.REGTYPE, 512))


@pytest.mark.skipif(not shutil.which("tar"), reason="needs GNU tar")
@pytest.mark.parametrize(
    "options",
    [
        ["--format=gnu"],
        ["--format=pax"],
        ["--format=pax", "--sparse-version=0.0"],
        ["--format=pax", "--sparse-version=0.1"],
        ["--format=ustar"],
    ],
    ids=" ".join,
)
def test_archives_of_tar_are_read_as_before(tmp_path: Path, options: list[str]) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    with (folder / "sparse").open("wb") as file:
        for place in range(40):
            file.seek(place * 100_000)
            file.write(b"piece %d" % place)
        file.truncate(4_100_001)
    is_long = "ustar" not in options[0]
    (folder / ("n" * (250 if is_long else 90))).write_bytes(b"long")
    (folder / "é").write_bytes(b"accent")
    (folder / "link").symlink_to("t" * (300 if is_long else 90))
    sparse = ["--sparse"] if is_long else []
    command = ["tar", *options, *sparse, "-cf", "i.tar", "root"]
    subprocess.run(command, cwd=tmp_path, check=True)
    data = (tmp_path / "i.tar").read_bytes()
    found = {info.name: (info.linkname, content) for info, content in read_all(data)}
    expected = {}
    for path in [folder, *folder.iterdir()]:
        link = str(path.readlink()) if path.is_symlink() else ""
        content = path.read_bytes() if not link and path.is_file() else b""
        expected[str(path.relative_to(tmp_path))] = (link, content)
    assert found == expected


@given(st.binary(max_size=600), st.integers(0, 3500))
def test_damage_is_an_error_that_callers_expect(noise: bytes, place: int) -> None:
    pax = record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0")
    data = bytearray(
        member(tarfile.XHDTYPE, record(b"path", b"p"))
        + FILE
        + member(tarfile.XHDTYPE, pax)
        + member(tarfile.REGTYPE, b"1\n0\n1\n" + bytes(506) + b"x")
        + END
    )
    data[place : place + len(noise)] = noise
    with contextlib.suppress(ImageError, *TAR_ERRORS):
        read_all(bytes(data))
