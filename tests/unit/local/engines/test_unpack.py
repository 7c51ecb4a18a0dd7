from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.image.formats.unpacking_limits import UnpackedSize
from scar.local.engines.port import EngineError
from scar.local.engines.unpack import OPAQUE, UnsafeLayerError, unpack_layer


def file(name: str, data: bytes = b"", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    member.uid, member.gid = os.getuid(), os.getgid()
    return member, data


def folder(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    member, _ = file(name, mode=mode)
    member.type = tarfile.DIRTYPE
    return member, b""


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    member, _ = file(name)
    member.type, member.linkname = kind, target
    return member, b""


def layer(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def test_later_layers_replace_and_remove_what_earlier_ones_hold(tmp_path: Path, root: Path) -> None:
    unpack_layer(
        layer(tmp_path / "1", file("etc/a", b"1"), file("etc/b", b"1"), file("old/c", b"1")), root
    )
    unpack_layer(
        layer(
            tmp_path / "2",
            file("etc/a", b"2"),
            file("etc/.wh.b"),
            file("old/new", b"2"),
            file("old/.wh..wh..opq"),
        ),
        root,
    )
    assert (root / "etc/a").read_bytes() == b"2"
    assert sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) == [
        "etc/a",
        "old/new",
    ]


def test_a_gzipped_layer_unpacks_like_a_plain_one(tmp_path: Path, root: Path) -> None:
    unpack_layer(layer(tmp_path / "z", file("a", b"data"), mode="w:gz"), root)
    assert (root / "a").read_bytes() == b"data"


def test_absolute_links_lead_to_the_root_of_the_image(tmp_path: Path, root: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    unpack_layer(layer(tmp_path / "1", link("var/run", "/run"), link("up", "../../outside")), root)
    unpack_layer(layer(tmp_path / "2", file("var/run/pid", b"1"), file("up/file", b"1")), root)
    assert (root / "run/pid").read_bytes() == b"1"
    assert list(outside.iterdir()) == []
    assert (root / "outside/file").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil"])
def test_names_that_lead_out_are_refused(tmp_path: Path, root: Path, name: str) -> None:
    with pytest.raises(UnsafeLayerError, match="evil"):
        unpack_layer(layer(tmp_path / "1", file(name, b"x")), root)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["//evil", "///evil", "a//../evil", ".//evil", "/./evil"])
def test_slashes_in_any_number_lead_nowhere_else(tmp_path: Path, root: Path, name: str) -> None:
    # pathlib treats two leading slashes as a special root
    with contextlib.suppress(UnsafeLayerError):
        unpack_layer(
            layer(tmp_path / "1", file(name, b"x"), link("l", "//"), file("l/in", b"y")), root
        )
        assert (root / "evil").read_bytes() == b"x"
        assert (root / "in").read_bytes() == b"y"
    assert not Path("/evil").exists()
    assert not Path("/in").exists()


def test_a_hard_link_cannot_reach_outside(tmp_path: Path, root: Path) -> None:
    (tmp_path / "secret").write_text("s")
    with pytest.raises(EngineError):
        unpack_layer(layer(tmp_path / "1", link("a", "../secret", tarfile.LNKTYPE)), root)
    with pytest.raises(EngineError):
        unpack_layer(
            layer(tmp_path / "2", link("b", str(tmp_path / "secret"), tarfile.LNKTYPE)), root
        )
    assert not (root / "b").exists()


def test_hard_links_share_their_file(tmp_path: Path, root: Path) -> None:
    unpack_layer(layer(tmp_path / "1", file("a", b"x"), link("b", "a", tarfile.LNKTYPE)), root)
    assert (root / "a").stat().st_ino == (root / "b").stat().st_ino


def test_a_loop_of_links_ends(tmp_path: Path, root: Path) -> None:
    unpack_layer(layer(tmp_path / "1", link("a", "b"), link("b", "a")), root)
    with pytest.raises(UnsafeLayerError, match="loop"):
        unpack_layer(layer(tmp_path / "2", file("a/file", b"x")), root)


def test_devices_are_left_out_and_set_user_id_is_dropped(tmp_path: Path, root: Path) -> None:
    device, _ = file("dev/sda")
    device.type, device.devmajor, device.devminor = tarfile.BLKTYPE, 8, 0
    unpack_layer(layer(tmp_path / "1", (device, b""), file("su", b"x", 0o4755)), root)
    assert not (root / "dev/sda").exists()
    assert stat.S_IMODE((root / "su").stat().st_mode) == 0o755


def test_read_only_folders_take_files_of_later_layers(tmp_path: Path, root: Path) -> None:
    unpack_layer(layer(tmp_path / "1", folder("ro", 0o555), file("ro/a", b"1")), root)
    unpack_layer(layer(tmp_path / "2", file("ro/b", b"2")), root)
    assert (root / "ro/b").read_bytes() == b"2"


def test_a_damaged_archive_is_named(tmp_path: Path, root: Path) -> None:
    whole = layer(tmp_path / "sha256-1", file("a", bytes(100_000)), mode="w:gz").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EngineError, match="half"):
        unpack_layer(tmp_path / "half", root)


def test_a_name_with_a_zero_byte_is_a_damaged_archive(tmp_path: Path, root: Path) -> None:
    member, _ = file("a")
    member.pax_headers = {"path": "a\0b"}
    with pytest.raises(EngineError, match="cannot be unpacked"):
        unpack_layer(layer(tmp_path / "1", (member, b"")), root)


names = st.lists(
    st.sampled_from(["a", "b", "..", ".", "", "/", ".wh.a", ".wh.", ".wh..", ".wh...", OPAQUE]),
    min_size=1,
    max_size=4,
).map("/".join)


@given(
    st.lists(
        st.one_of(
            names.filter(bool).map(lambda name: file(name, b"x")),
            st.tuples(names.filter(bool), names.filter(bool)).map(lambda pair: link(*pair)),
            st.tuples(names.filter(bool), names.filter(bool)).map(
                lambda pair: link(*pair, tarfile.LNKTYPE)
            ),
            names.filter(bool).map(folder),
        ),
        max_size=8,
    )
)
def test_no_layer_touches_anything_outside_its_root(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    top = tmp_path_factory.mktemp("t")
    root = top / "deep" / "root"
    root.mkdir(parents=True)
    (top / "deep" / "a").write_text("ours")
    archive = layer(top / "layer", *members)
    with contextlib.suppress(EngineError):
        unpack_layer(archive, root)
    assert (top / "deep" / "a").read_text() == "ours"
    assert sorted(p.name for p in (top / "deep").iterdir()) == ["a", "root"]
    assert sorted(p.name for p in top.iterdir()) == ["deep", "layer"]


def test_a_sparse_file_of_a_terabyte_is_refused_before_it_is_written(
    tmp_path: Path, root: Path
) -> None:
    header = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n23 GNU.sparse.name=big\n"
    header += b"37 GNU.sparse.realsize=1099511627776\n"
    map_ = file("big", b"0\n" + bytes(510))
    record = file("h", header)
    record[0].type = tarfile.XHDTYPE
    path = layer(tmp_path / "1", record, map_)
    with pytest.raises(EngineError, match="AWS Lambda allows 10 GiB"):
        unpack_layer(path, root)
    assert not (root / "big").exists()


def test_the_layers_of_an_image_are_bounded_together(tmp_path: Path, root: Path) -> None:
    unpacked = UnpackedSize("The image", limit=1500)
    unpack_layer(layer(tmp_path / "1", file("a", b"x" * 1000)), root, unpacked)
    with pytest.raises(EngineError, match="The image has"):
        unpack_layer(layer(tmp_path / "2", file("b", b"x" * 1000)), root, unpacked)


def test_a_bomb_and_a_giant_header_are_errors(tmp_path: Path, root: Path) -> None:
    record = file("h", b"x" * (2 << 20))
    record[0].type = tarfile.XHDTYPE
    with pytest.raises(EngineError, match="a header of more than"):
        unpack_layer(layer(tmp_path / "1", record), root)
    deflate = zlib.compressobj(wbits=31)
    zeros = file("zeros", b"")
    zeros[0].size = 9 << 30
    data = zeros[0].tobuf() + bytes(1 << 20)
    bomb = deflate.compress(data)
    for _ in range(1200):
        bomb += deflate.compress(bytes(1 << 20))
    (tmp_path / "2").write_bytes(bomb + deflate.flush())
    with pytest.raises(EngineError, match="decompression bomb"):
        unpack_layer(tmp_path / "2", root)


def test_a_header_that_takes_tarfile_hours_is_refused(tmp_path: Path, root: Path) -> None:
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 1024
    (tmp_path / "1").write_bytes(header.tobuf() + b"9" * 1024)
    with pytest.raises(EngineError, match="pax header is damaged"):
        unpack_layer(tmp_path / "1", root)
