"""Deployment packages of SCAR 4: what is unpacked, and what is refused."""

from __future__ import annotations

import io
import stat
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.inventory.scar4 import package
from scar.aws.inventory.scar4.package import DeploymentPackage, open_package
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = {
    "gray.py": b"def lambda_handler",
    "function_config.yaml": b"init_script: grayify.sh\n",
    "grayify.sh": b"#!/bin/sh\n",
    "model/weights.bin": b"\0\1",
    "udocker/repos/x/layer.tar": b"-",
}


def opened(files: Mapping[str, bytes] = FILES, *entries: zipfile.ZipInfo) -> DeploymentPackage:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for entry in entries:
            archive.writestr(entry, b"/etc/passwd")
    return open_package(data, "gray")


def test_the_script_is_beside_the_payload(tmp_path: Path) -> None:
    content = opened().unpack(tmp_path, "grayify.sh")
    assert content.files == ("grayify.sh",)
    assert content.payload_folder == "payload"
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"grayify.sh", "payload/model/weights.bin"}


def test_without_other_files_there_is_no_payload(tmp_path: Path) -> None:
    files = {"gray.py": b"", "grayify.sh": b"x"}
    assert opened(files).unpack(tmp_path, "grayify.sh").payload_folder == ""


def test_the_configuration_of_older_releases_is_in_the_package() -> None:
    assert opened().read_config() == "init_script: grayify.sh\n"
    assert opened({"gray.py": b""}).read_config() == ""


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil"])
def test_no_name_leaves_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    with pytest.raises(ScarError, match="outside of its folder"):
        opened({name: b"x"}).unpack(folder, "grayify.sh")
    assert not list(tmp_path.rglob("*evil*"))


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ScarError, match="a link or a special file"):
        opened({}, link).unpack(tmp_path, "grayify.sh")


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "grayify.sh").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ScarError, match="exists already"):
        opened().unpack(tmp_path, "grayify.sh")
    assert not (tmp_path / "elsewhere").exists()


def test_existing_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "grayify.sh").write_text("mine")
    with pytest.raises(ScarError, match="exists already"):
        opened().unpack(tmp_path, "grayify.sh")
    assert (tmp_path / "grayify.sh").read_text() == "mine"


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_UNPACKED", 20)
    with pytest.raises(ScarError, match="5 files and"):
        opened().unpack(tmp_path, "grayify.sh")


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(ScarError, match="is not one of SCAR"):
        open_package(io.BytesIO(b"<Error>"), "gray")


def with_local_header(data: bytes, offset: int, change: bytes) -> bytes:
    """Return an archive of one file with a field changed, in both headers of the file."""
    central = data.index(b"PK\x01\x02")
    changed = bytearray(data)
    changed[offset : offset + len(change)] = change
    # The central header has one field more in front.
    changed[central + offset + 2 : central + offset + 2 + len(change)] = change
    return bytes(changed)


def archive_of(name: str, compression: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        archive.writestr(name, b"init_script: grayify.sh\n" * 50)
    return data.getvalue()


def damaged(name: str, compression: int) -> bytes:
    data = bytearray(archive_of(name, compression))
    start = 30 + len(name)
    data[start + 4 : start + 24] = b"\xff" * 20
    return bytes(data)


FLAGS, METHOD = 6, 8  # offsets in the local header
DAMAGE = {
    "encrypted": lambda name: with_local_header(archive_of(name, 8), FLAGS, b"\1\0"),
    "unknown compression": lambda name: with_local_header(archive_of(name, 8), METHOD, b"\x63\0"),
    "deflate": lambda name: damaged(name, zipfile.ZIP_DEFLATED),
    "bzip2": lambda name: damaged(name, zipfile.ZIP_BZIP2),
    "lzma": lambda name: damaged(name, zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_files_that_cannot_be_unpacked_are_refused(tmp_path: Path, kind: str) -> None:
    script = open_package(io.BytesIO(DAMAGE[kind]("grayify.sh")), "gray")
    with pytest.raises(ScarError, match=r"is not one of SCAR: 'grayify\.sh'"):
        script.unpack(tmp_path, "grayify.sh")
    config = open_package(io.BytesIO(DAMAGE[kind]("function_config.yaml")), "gray")
    with pytest.raises(ScarError, match=r"is not one of SCAR: 'function_config\.yaml'"):
        config.read_config()


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_every_damage_is_one_of_our_errors_or_none(offset: int, change: bytes) -> None:
    data = bytearray(archive_of("grayify.sh", zipfile.ZIP_DEFLATED))
    data[offset : offset + len(change)] = change
    with tempfile.TemporaryDirectory() as folder, suppress(ScarError):
        found = open_package(io.BytesIO(bytes(data)), "gray")
        found.read_config()
        found.unpack(Path(folder), "grayify.sh")
