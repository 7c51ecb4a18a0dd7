"""Debian packages are read without dpkg; a missing package is an error."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from supervisor.bundle import apt
from supervisor.bundle.errors import BundleError
from supervisor.bundle.packages import PACKAGES, read_packages

if TYPE_CHECKING:
    from pathlib import Path


def a_package(folder: Path, name: str, files: dict[str, bytes], links: dict[str, str]) -> Path:
    """Write a .deb: an ar archive with three members."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(f"./{path}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for path, target in links.items():
            info = tarfile.TarInfo(f"./{path}")
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    whole = b"!<arch>\n"
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data.getvalue()}
    for member, content in members.items():
        whole += f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        whole += content + b"\n" * (len(content) % 2)
    deb = folder / f"{name}_1.0_amd64.deb"
    deb.write_bytes(whole)
    return deb


def a_set(folder: Path) -> list[Path]:
    debs = [a_package(folder, name, {}, {}) for name in PACKAGES if name != "libc6"]
    files = {"lib/x86_64-linux-gnu/libc-2.so": b"libc", "usr/share/doc/libc6/copyright": b"c"}
    links = {"lib/x86_64-linux-gnu/libc.so.6": "libc-2.so", "usr/share/doc/alias": "libc6"}
    return [*debs, a_package(folder, "libc6", files, links)]


def test_files_are_found_under_usr_and_through_links(tmp_path: Path) -> None:
    found = read_packages(a_set(tmp_path))
    assert found.require("usr/lib/x86_64-linux-gnu/libc.so.6") == b"libc"
    assert list(found.list_files("usr/share")) == ["usr/share/doc/libc6/copyright"]
    assert found.get("usr/share/doc/libc6/none") is None


def test_a_file_that_no_package_has_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"contains /usr/lib/libother\.so"):
        read_packages(a_set(tmp_path)).require("usr/lib/libother.so")


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Packages are missing: libc6"):
        read_packages(a_set(tmp_path)[:-1])


@pytest.mark.parametrize("keep", [0, 7, 30, 200, -1])
def test_a_damaged_package_is_named(tmp_path: Path, keep: int) -> None:
    debs = a_set(tmp_path)
    debs[-1].write_bytes(debs[-1].read_bytes()[:keep])
    if keep == -1:
        debs[-1].write_bytes(b"x" + debs[-1].read_bytes())
    with pytest.raises(BundleError, match=r"libc6_1\.0_amd64\.deb is damaged"):
        read_packages(debs)


def test_apt_that_fails_or_is_missing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="false download` failed"):
        apt.run_apt(["false", "download", "x"], tmp_path)
    with pytest.raises(BundleError, match="Cannot run"):
        apt.run_apt([str(tmp_path / "apt-get")], tmp_path)
