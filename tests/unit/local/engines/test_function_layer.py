from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.function_layer import unpack_function_layer
from scar.local.engines.port import EngineError, LocalLayer

if TYPE_CHECKING:
    from pathlib import Path


def a_layer(folder: Path, *members: tarfile.TarInfo) -> LocalLayer:
    path = folder / "layer.tar"
    with tarfile.open(path, "w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return LocalLayer(path=path, digest="sha256:1", diff_id="sha256:1")


def a_file(name: str, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = 1, mode
    return member


def a_link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_only_the_functions_own_files_are_taken(tmp_path: Path) -> None:
    layer = a_layer(
        tmp_path,
        a_file("opt/scar/function/function.json"),
        a_file("opt/scar/function/script.sh", 0o4777),
        a_file("etc/passwd"),
        a_file("opt/scarf"),
    )
    home = tmp_path / "images" / "home"
    unpack_function_layer(layer, home)
    unpack_function_layer(layer, home)
    files = {str(p.relative_to(home)): p.stat().st_mode & 0o7777 for p in home.rglob("*.*")}
    assert files == {"function/function.json": 0o644, "function/script.sh": 0o755}
    assert [path.name for path in home.parent.iterdir()] == ["home"]


@pytest.mark.parametrize(
    "member",
    [
        a_file("../../escaped"),
        a_file("opt/scar/../../../escaped"),
        a_file("/opt/scar/function/absolute"),
        a_link("opt/scar/function/link", tarfile.SYMTYPE, "/etc"),
        a_link("opt/scar/function/link", tarfile.LNKTYPE, "etc/passwd"),
        a_link("opt/scar/function/pipe", tarfile.FIFOTYPE, ""),
    ],
    ids=lambda member: member.name,
)
def test_a_layer_that_reaches_out_is_refused_whole(tmp_path: Path, member: tarfile.TarInfo) -> None:
    layer = a_layer(tmp_path, a_file("opt/scar/function/function.json"), member)
    with pytest.raises(EngineError, match="layer sha256:1 contains"):
        unpack_function_layer(layer, tmp_path / "images" / "home")
    assert list((tmp_path / "images").iterdir()) == []


def test_a_layer_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    path.write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(EngineError, match="cannot be unpacked"):
        unpack_function_layer(
            LocalLayer(path=path, digest="sha256:1", diff_id="sha256:1"), tmp_path / "home"
        )


def test_a_header_that_takes_tarfile_hours_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 1024
    path = tmp_path / "layer"
    path.write_bytes(header.tobuf() + b"9" * 1024)
    with pytest.raises(EngineError, match="pax header is damaged"):
        unpack_function_layer(
            LocalLayer(path=path, digest="sha256:1", diff_id="sha256:1"), tmp_path / "home"
        )
