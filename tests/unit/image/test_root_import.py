"""A root file system becomes an image with the same files; what is no root file system is named."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import socket
import stat
import struct
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from scar.image.compose.root_import import ImportedImage, import_root, require_root_file_system
from scar.image.compose.root_sources import RootReader
from scar.image.errors import ImageError, ImageTooLargeError, NotAnImageError
from scar.image.formats.blobs import BlobCache
from scar.image.formats.image_file import require_image_file
from scar.image.formats.resolver import find_base_image
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = ImageDefaults(command=("/bin/sh",), environment={"PATH": "/bin"}, workdir="/")


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + b"program"


def entry(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = kind, len(data), 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


ROOT = tar(
    entry("./", kind=tarfile.DIRTYPE),
    entry("./usr/", kind=tarfile.DIRTYPE, mode=0o755),
    entry("./usr/bin", kind=tarfile.DIRTYPE, mode=0o755),
    entry("./bin", kind=tarfile.SYMTYPE, linkname="usr/bin"),
    entry("./usr/bin/sh", elf(0x3E), mode=0o755, uid=7, gid=8, mtime=1234.5),
    entry("./usr/bin/ash", kind=tarfile.LNKTYPE, linkname="./usr/bin/sh"),
    entry("./usr/bin/su", elf(0x3E), mode=0o4755),
    entry("./dev/console", kind=tarfile.CHRTYPE, devmajor=5, devminor=1),
    entry("./dev/sda", kind=tarfile.BLKTYPE),
    entry("./dev/link", kind=tarfile.LNKTYPE, linkname="dev/sda"),
    entry("./run/pipe", kind=tarfile.FIFOTYPE),
    entry("./etc/.wh.passwd", b""),
    entry("/etc/passwd", b"root:x:0:0::/:/bin/sh\n"),
)


def imported(
    data: bytes, folder: Path, architecture: str = "", reader: RootReader | None = None
) -> ImportedImage:
    reader = reader or RootReader("It")
    return import_root(
        reader.read_tar(io.BytesIO(data)),
        RUN,
        subject="It",
        architecture=architecture,
        cache=BlobCache(folder / "cache"),
    )


def members(image: ImportedImage) -> dict[str, tarfile.TarInfo]:
    with image.image.layers[0].blob.open() as file, tarfile.open(fileobj=file) as archive:
        return {info.name: info for info in archive}


def test_files_keep_what_a_container_needs_and_devices_are_listed(tmp_path: Path) -> None:
    reader = RootReader("It")
    image = imported(ROOT, tmp_path, reader=reader)
    found = members(image)
    assert list(found) == [
        *("usr", "usr/bin", "bin", "usr/bin/sh", "usr/bin/ash", "usr/bin/su"),
        *("run/pipe", "etc/passwd"),
    ]
    assert reader.left_out == ["dev/console", "dev/sda", "dev/link", "etc/.wh.passwd"]
    shell = found["usr/bin/sh"]
    assert (shell.mode, shell.uid, shell.gid, shell.mtime) == (0o755, 7, 8, 1234)
    assert found["usr/bin/su"].mode == 0o4755
    assert found["usr/bin/ash"].islnk()
    assert found["usr/bin/ash"].linkname == "usr/bin/sh"
    assert (image.architecture, image.has_shell) == ("amd64", True)


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
)
def test_the_image_is_an_image_file_and_the_same_for_every_compression(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    image = imported(pack(ROOT), tmp_path)
    assert image.image.digest == imported(ROOT, tmp_path).image.digest
    image.image.save(tmp_path / "i.tar", "mine:1")
    base = find_base_image(
        "", tmp_path / "i.tar", architecture="amd64", cache=BlobCache(tmp_path / "other")
    )
    assert base.defaults == RUN
    assert [layer.diff_id for layer in base.layers] == [image.image.layers[0].diff_id]


@given(st.binary(max_size=2000), st.integers(0, len(ROOT)))
def test_damage_is_an_image_error_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    data = bytearray(ROOT)
    data[place : place + len(noise)] = noise
    try:
        imported(bytes(data), folder)
    except ImageError as error:
        assert error.remedy  # noqa: PT017 - it may also succeed
    assert not list((folder / "cache" / "incoming").iterdir())


@given(st.integers(0, len(ROOT.rstrip(b"\0"))))
def test_a_root_file_system_that_is_cut_anywhere_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    with pytest.raises(ImageError):
        imported(ROOT[:length], tmp_path_factory.mktemp("cut"))


@pytest.mark.parametrize("name", ["../etc/passwd", "usr/../../x", "/../x", "a/.."])
def test_a_name_that_escapes_is_refused(name: str, tmp_path: Path) -> None:
    for data in (
        tar(entry(name, b"x")),
        tar(entry("usr/a", b"x"), entry("usr/b", kind=tarfile.LNKTYPE, linkname=name)),
    ):
        with pytest.raises(ImageError, match="points outside"):
            imported(data, tmp_path)


def test_a_sparse_file_of_a_tebibyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n23 GNU.sparse.name=log\n"
    header += b"37 GNU.sparse.realsize=1099511627776\n"
    data = tar(entry("h", header, tarfile.XHDTYPE), entry("log", b"0\n" + bytes(510)))
    with pytest.raises(ImageTooLargeError, match=r"log has 1024\.0 GiB"):
        imported(data, tmp_path)


def test_a_sparse_file_of_a_folder_has_its_whole_size(tmp_path: Path) -> None:
    (tmp_path / "root" / "etc").mkdir(parents=True)
    with (tmp_path / "root" / "etc" / "log").open("wb") as file:
        file.truncate(3 << 20)
    reader = RootReader("It")
    image = import_root(
        reader.read_folder(tmp_path / "root"), RUN, subject="It", cache=BlobCache(tmp_path / "c")
    )
    assert members(image)["etc/log"].size == 3 << 20


def test_the_architecture_is_that_of_the_programs(tmp_path: Path) -> None:
    data = tar(entry("bin/a", elf(0xB7)), entry("bin/b", elf(0xB7)), entry("bin/x", elf(0x3E)))
    assert imported(data, tmp_path).architecture == "arm64"
    with pytest.raises(ImageError, match=r"for linux/arm64, not for linux/amd64"):
        imported(data, tmp_path, "amd64")
    assert imported(tar(entry("bin/a", b"#!/x")), tmp_path, "arm64").architecture == "arm64"
    assert imported(tar(entry("bin/a", b"#!/x")), tmp_path).architecture == "amd64"


def test_an_archive_of_the_folder_instead_of_its_content_is_named(tmp_path: Path) -> None:
    data = tar(entry("root/usr/x", b"x"), entry("root/etc/x", b"x"))
    with pytest.raises(ImageError, match=r"below the folder root/"):
        imported(data, tmp_path)
    with pytest.raises(ImageError, match="is empty"):
        imported(tar(entry("dev/null", kind=tarfile.CHRTYPE)), tmp_path)
    assert imported(tar(entry("app/tool", elf(0x3E))), tmp_path).entries == 1


def test_a_folder_keeps_links_modes_and_names_and_leaves_out_sockets(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/sh").write_bytes(elf(0x3E))
    (root / "usr/bin/sh").chmod(0o755)
    os.link(root / "usr/bin/sh", root / "usr/bin/zsh")
    (root / "etc").mkdir(mode=0o700)
    (root / "etc/mtab").symlink_to("/proc/mounts")
    (root / "etc/naïve name").write_bytes(b"x")
    os.mkfifo(root / "etc/pipe")
    # A relative name: those of sockets are short.
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(root):
        listener.bind("sock")
    (root / "out.tar").write_bytes(b"of an earlier import")
    reader = RootReader("It")
    image = import_root(
        reader.read_folder(root, root / "out.tar"),
        RUN,
        subject="It",
        cache=BlobCache(tmp_path / "cache"),
    )
    found = members(image)
    assert sorted(found) == [
        *("etc", "etc/mtab", "etc/naïve name", "etc/pipe", "usr", "usr/bin"),
        *("usr/bin/sh", "usr/bin/zsh"),
    ]
    assert reader.left_out == ["sock"]
    assert found["usr/bin/zsh"].linkname == "usr/bin/sh"
    assert found["etc/mtab"].linkname == "/proc/mounts"
    assert stat.S_IMODE(found["etc"].mode) == 0o700


FILES: dict[str, tuple[bytes, str]] = {
    "x.sif": (b"#!/usr/bin/env run-singularity\n\0SIF_MAGIC\0" + bytes(900), "Singularity"),
    "x.squashfs": (b"hsqs" + bytes(900), "SquashFS"),
    "x.qcow2": (b"QFI\xfb" + bytes(900), "qcow2"),
    "x.iso": (bytes(0x8001) + b"CD001" + bytes(900), "ISO 9660"),
    "x.vmdk": (b"KDMV" + bytes(900), "vmdk"),
    "x.img": (bytes(510) + b"\x55\xaa" + bytes(900), "disk image"),
    "x.ext4": (bytes(0x438) + b"\x53\xef" + bytes(900), "ext4"),
    "x.zip": (b"PK\x03\x04" + bytes(900), "ZIP"),
    "x.deb": (b"!<arch>\ndebian-binary", "Debian package"),
    "Dockerfile": (b"# syntax=1\n\nFROM debian:12\nRUN x\n", "Dockerfile"),
    "Containerfile.dev": (b"ARG V=1\nFROM debian:$V\n", "Dockerfile"),
    "build.txt": (b"from debian:12\n", "Dockerfile"),
    "notes.txt": ("Notes: größer\n".encode(), "a text file"),
    "page.html": (b"\n<!DOCTYPE html><html>", "a web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS"),
    "program": (elf(0x3E), "ELF"),
    "empty.tar": (b"", "an empty file"),
    "zeros": (bytes(5000), "unknown format"),
    "text.gz": (gzip.compress(b"hello\n"), "a text file, compressed with gzip"),
    "disk.qcow2.xz": (lzma.compress(b"QFI\xfb" + bytes(9000)), "qcow2), compressed with xz"),
    "Dockerfile.gz": (gzip.compress(b"FROM x\n"), "a Dockerfile, compressed with gzip"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_neither_image_nor_root_file_system_is_named(name: str, tmp_path: Path) -> None:
    data, kind = FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    for check in (require_image_file, require_root_file_system):
        with pytest.raises(ImageError) as caught:
            check(path)
        assert kind in caught.value.problem
        assert str(path) in caught.value.problem
        assert caught.value.remedy
        assert "{path}" not in caught.value.remedy


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_root_file_system_as_an_image_is_named_with_the_command(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "rootfs.tar"
    path.write_bytes(pack(ROOT))
    with pytest.raises(NotAnImageError, match="it is a root file system") as caught:
        require_image_file(path)
    assert f"scar image import {path} -o image.tar" in caught.value.remedy
    require_root_file_system(path)
    path.write_bytes(pack(tar(entry(".dockerenv"), entry("bin/x"))))
    with pytest.raises(NotAnImageError, match="docker export"):
        require_image_file(path)


def test_folders_are_named(tmp_path: Path) -> None:
    def folder(*names: str) -> Path:
        path = tmp_path / "-".join(names)
        for name in names:
            (path / name).mkdir(parents=True)
        return path

    for names, kind in {
        ("usr", "etc"): "root file system",
        ("blobs", "oci-layout"): "folder of an image",
        ("Dockerfile", "src"): "Dockerfile",
        ("x",): "a folder",
    }.items():
        with pytest.raises(NotAnImageError, match=kind):
            require_image_file(folder(*names))


def test_an_image_is_no_root_file_system(tmp_path: Path) -> None:
    imported(ROOT, tmp_path).image.save(tmp_path / "i.tar", "a:1")
    with pytest.raises(ImageError, match="it is an image archive") as caught:
        require_root_file_system(tmp_path / "i.tar")
    assert "-if" in caught.value.remedy


def test_only_the_beginning_of_an_archive_is_read_to_recognize_it(tmp_path: Path) -> None:
    """A layer of a gibibyte, which does not exist, before the manifest."""
    info = tarfile.TarInfo(f"{'a' * 64}/layer.tar")
    info.size = 1 << 30
    with (tmp_path / "i.tar").open("wb") as file:
        file.write(info.tobuf() + b"x" * 100)
        file.truncate((1 << 30) + 4 * tarfile.BLOCKSIZE)
    assert require_image_file(tmp_path / "i.tar").name == "an image archive"


def test_the_configuration_has_the_settings(tmp_path: Path) -> None:
    image = imported(ROOT, tmp_path).image
    with image.config.open() as file:
        config = json.load(file)
    assert config["config"]["Cmd"] == ["/bin/sh"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
