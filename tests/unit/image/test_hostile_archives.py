"""Archives that try to exhaust memory, disk or patience end early, with an error that says why."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from scar.image.compose.tree_images import image_config
from scar.image.errors import ImageError, ImageTooLargeError, NotAnImageError
from scar.image.formats import archive
from scar.image.formats.archive import read_members
from scar.image.formats.base_image import build_base_image
from scar.image.formats.blobs import Blob, BlobCache, digest_of
from scar.image.formats.layer import ImageLayer, LayerFile, build_tar
from scar.image.formats.manifest import dump_json
from scar.image.formats.resolver import find_base_image
from scar.image.formats.tar_headers import MAX_HEADER_SIZE
from scar.image.formats.unpacking_limits import MAX_UNPACKED_SIZE
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LAYER = build_tar({"bin/tool": LayerFile(b"tool" * 500, 0o755)})
RUN = ImageDefaults(command=("/bin/tool",))


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a member of a tar archive, header and content."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def announced(name: str, size: int, kind: bytes) -> bytes:
    """Return a header that announces content which does not follow."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


MANIFEST = member(
    "manifest.json",
    json.dumps([{"Config": "c", "RepoTags": ["a:1"], "Layers": ["l.tar"]}]).encode(),
)
CONFIG = member("c", dump_json(image_config([digest_of(LAYER)], RUN, "amd64")))
END = bytes(1024)


class CountedStream(io.RawIOBase):
    """A file of which only the beginning exists; counts what is read of it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._rest = b""
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._pieces, b"")
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"], ids=repr)
def test_a_header_of_a_gigabyte_is_refused_after_a_mebibyte(kind: bytes, cache: BlobCache) -> None:
    def pieces() -> Iterator[bytes]:
        yield MANIFEST + announced("h", 1 << 30, kind)
        yield from endless(b"9 a=b\n" * 1000)

    stream = CountedStream(pieces())
    with pytest.raises(ImageError, match="a header of more than 1 MiB"):
        read_members(io.BufferedReader(stream), cache)
    assert stream.count < MAX_HEADER_SIZE + (3 << 20)


def test_headers_without_end_are_refused_after_a_mebibyte(cache: BlobCache) -> None:
    """Long names before long names, and the continued maps of sparse files."""
    sparse = bytearray(announced("s", 512, tarfile.GNUTYPE_SPARSE))
    sparse[482] = 1  # a block of the map follows
    sparse[148:156] = b"%06o\0 " % (sum(sparse[:148]) + 256 + sum(sparse[156:512]))
    extended = bytearray(512)
    extended[504] = 1  # and another
    for beginning, piece in (
        (b"", member("h", b"x" * 100, tarfile.GNUTYPE_LONGNAME)),
        (bytes(sparse), bytes(extended)),
    ):

        def pieces(first: bytes = beginning, then: bytes = piece) -> Iterator[bytes]:
            yield MANIFEST + first
            yield from endless(then * 100)

        stream = CountedStream(pieces())
        with pytest.raises(ImageError):
            read_members(io.BufferedReader(stream), cache)
        assert stream.count < MAX_HEADER_SIZE + (3 << 20)


def sparse_archive(path: Path) -> Path:
    """Write an archive with a sparse file of a tebibyte, as `tar --sparse` does (format 1.0)."""
    header = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    header += b"29 GNU.sparse.name=layer.tar\n"
    header += b"37 GNU.sparse.realsize=1099511627776\n"
    data = b"0\n" + bytes(510)
    path.write_bytes(
        MANIFEST + CONFIG + member("h", header, tarfile.XHDTYPE) + member("s", data) + END
    )
    return path


def test_a_sparse_member_of_a_tebibyte_is_refused_before_it_is_read(
    tmp_path: Path, cache: BlobCache
) -> None:
    path = sparse_archive(tmp_path / "i.tar")
    with pytest.raises(ImageError, match=r"layer\.tar is a sparse file"):
        find_base_image("", path, architecture="amd64", cache=cache)
    assert not list(cache.incoming.iterdir())


def test_many_members_are_refused_at_the_limit(cache: BlobCache) -> None:
    stream = CountedStream(endless(member("f")))
    with pytest.raises(ImageError, match="more than 10,000 files"):
        read_members(io.BufferedReader(stream), cache)
    assert stream.count < (archive.MAX_MEMBERS + 4000) * 512


def test_an_endless_plain_layer_ends_at_lambdas_limit(cache: BlobCache) -> None:
    """The layer is announced with 12 GiB; nothing of it stays in the cache."""
    info = tarfile.TarInfo("l.tar")
    info.size = 12 << 30
    stream = CountedStream([MANIFEST, info.tobuf(tarfile.GNU_FORMAT), LAYER[:512]])
    with pytest.raises(ImageTooLargeError, match=r"l\.tar .*12\.0 GiB"):
        read_members(io.BufferedReader(stream), cache)
    assert stream.count < 1 << 20
    assert not list(cache.incoming.iterdir())


@given(st.lists(st.integers(0, 4 << 30), min_size=1, max_size=6))
def test_the_layers_of_an_image_are_bounded_together(sizes: list[int]) -> None:
    layers = tuple(
        ImageLayer(blob=Blob(digest="", size=1, data=b""), diff_id=f"{n}", unpacked_size=size)
        for n, size in enumerate(sizes)
    )
    config = dump_json(image_config([layer.diff_id for layer in layers], RUN, "amd64"))
    try:
        build_base_image("a", config, layers, "amd64")
    except ImageTooLargeError:
        refused = True
    else:
        refused = False
    assert refused == (sum(size or 1 for size in sizes) > MAX_UNPACKED_SIZE)


@pytest.mark.parametrize(
    "extra",
    [
        member("manifest.json", b"[]"),
        member("l.tar", build_tar({"x": LayerFile(b"y" * 2000)})),
        member("c", b"{}"),
    ],
)
def test_a_name_with_two_contents_is_refused(
    extra: bytes, tmp_path: Path, cache: BlobCache
) -> None:
    once = MANIFEST + CONFIG + member("l.tar", LAYER)
    (tmp_path / "once.tar").write_bytes(once + once + END)  # the same twice is harmless
    assert find_base_image("", tmp_path / "once.tar", architecture="amd64", cache=cache).layers
    (tmp_path / "i.tar").write_bytes(once + extra + END)
    with pytest.raises(ImageError, match="twice, with different content"):
        find_base_image("", tmp_path / "i.tar", architecture="amd64", cache=cache)


@pytest.mark.parametrize("size", [-1, -512, -(1 << 40)])
def test_a_negative_size_is_an_error(size: int, tmp_path: Path, cache: BlobCache) -> None:
    header = bytearray(announced("l.tar", 0, tarfile.REGTYPE))
    header[124:136] = b"\xff" + size.to_bytes(11, "big", signed=True)
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:512]))
    (tmp_path / "i.tar").write_bytes(MANIFEST + CONFIG + bytes(header) + member("x", b"y") + END)
    with pytest.raises(ImageError):
        find_base_image("", tmp_path / "i.tar", architecture="amd64", cache=cache)


@given(st.binary(max_size=3000), st.integers(0, 5000))
def test_a_damaged_archive_is_an_image_error_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    data = bytearray(MANIFEST + CONFIG + member("l.tar", LAYER) + END)
    data[place : place + len(noise)] = noise
    (folder / "i.tar").write_bytes(data)
    try:
        find_base_image("", folder / "i.tar", architecture="amd64", cache=BlobCache(folder / "c"))
    except ImageError as error:
        assert str(folder / "i.tar") in error.problem  # noqa: PT017 - it may also succeed


def test_a_fifo_and_devices_are_refused_at_once(tmp_path: Path, cache: BlobCache) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero"), Path("/dev/null"), Path("/dev/stdin")):
        if path.exists() and not path.is_file():
            with pytest.raises(NotAnImageError, match="is not a regular file"):
                find_base_image("", path, architecture="amd64", cache=cache)


def test_a_compressed_archive_is_read_in_every_compression(
    tmp_path: Path, cache: BlobCache
) -> None:
    plain = MANIFEST + CONFIG + member("l.tar", LAYER) + END
    packers: tuple[Callable[[bytes], bytes], ...] = (
        gzip.compress,
        bz2.compress,
        lzma.compress,
        zstandard.ZstdCompressor().compress,
    )
    for number, pack in enumerate(packers):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(pack(plain))
        assert find_base_image("", path, architecture="amd64", cache=cache).defaults == RUN
