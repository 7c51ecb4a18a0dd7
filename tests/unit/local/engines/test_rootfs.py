"""Mount points are created inside the image's root, whatever its symbolic links point to."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.port import LocalImage, LocalLayer
from scar.local.engines.rootfs import FUNCTION_HOME, RootFsStore

if TYPE_CHECKING:
    from pathlib import Path


def a_link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def a_file(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = 1
    return member


def an_image(folder: Path, *layers: tuple[tarfile.TarInfo, ...]) -> LocalImage:
    made = []
    for number, members in enumerate(layers):
        path = folder / f"layer-{number}.tar"
        with tarfile.open(path, "w") as archive:
            for member in members:
                archive.addfile(member, io.BytesIO(b"x" * member.size))
        made.append(LocalLayer(path=path, digest=f"sha256:{number}", diff_id=f"sha256:{number}"))
    return LocalImage(
        reference="example",
        digest="sha256:0",
        config_digest="sha256:0",
        config=folder / "config",
        layers=tuple(made),
        entrypoint=("/opt/scar/launch",),
        environment={},
    )


def test_no_link_of_an_image_leads_a_mount_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    image = an_image(
        tmp_path,
        (a_link("etc/hosts", str(outside)), a_link("dev", str(outside)), a_file("proc")),
        (a_link("opt/scar/function", str(outside)),),
        (a_link("opt", str(outside)),),
    )
    found = RootFsStore(tmp_path / "images").get(image)
    targets = [target for _, target in found.binds]
    (function,) = [source for source, target in found.binds if target == FUNCTION_HOME]
    for path in (tmp_path / "images").rglob("*"):
        assert not path.is_symlink()
    assert function.startswith(str(tmp_path / "images"))
    assert (found.root / "etc" / "hosts").is_file()
    assert (found.root / "proc").is_dir()
    assert targets[:2] == ["/opt/scar", FUNCTION_HOME]
    assert list(outside.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_owners_are_shifted_once_each(tmp_path: Path) -> None:
    """Also those of files with two names, of links, and of owners that the ids do not cover."""
    owned, large, link = a_file("srv/owned"), a_file("srv/large"), a_link("srv/link", "/nowhere")
    owned.uid, owned.gid = 12, 34
    large.uid, large.gid = 5_000_000, 7
    link.uid = 1000
    second = tarfile.TarInfo("srv/second")
    second.type, second.linkname = tarfile.LNKTYPE, "srv/owned"
    image = an_image(tmp_path, (owned, large, link, second), (), ())
    first = 1_000_000
    root = RootFsStore(tmp_path / "images", first, 2_000_000).get(image).root
    owners = {
        path.relative_to(root).as_posix(): (path.lstat().st_uid, path.lstat().st_gid)
        for path in (root, *root.rglob("*"))
    }
    assert owners["srv/owned"] == owners["srv/second"] == (first + 12, first + 34)
    assert owners["srv/large"] == (first + 65534, first + 7)
    assert owners["srv/link"] == (first + 1000, first)
    assert owners["."] == owners["tmp"] == owners["srv"] == owners["etc/hosts"] == (first, first)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_an_image_is_unpacked_once_for_each_range_of_ids(tmp_path: Path) -> None:
    image = an_image(tmp_path, (a_file("a"),), (), ())
    stores = [RootFsStore(tmp_path / "images", *ids) for ids in ((), (10**6, 99), (10**6, 99))]
    roots = [store.get(image).root for store in stores]
    assert roots[0] != roots[1] == roots[2]
    assert (roots[0] / "a").stat().st_uid == 0
